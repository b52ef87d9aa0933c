import type { Location } from './handle.ts';
import type { StorageIdentity } from './identity.ts';

/** How a target is to be opened. */
export interface TargetOptions extends Location {
  readonly sourceSizeBytes: number;
  /** Left out, the source is known to be other storage. */
  readonly sourceIdentity?: StorageIdentity;
  /** What a missing path means: an error, or a regular file to be made, sparse, at the source's size. */
  readonly missing: 'refuse' | 'create';
  /** What it means that something else uses the target: an error, or a warning (`--force`). */
  readonly inUse: 'refuse' | 'warn';
  /** A dry run opens the target for reading only, creates nothing, and passes the same guards. */
  readonly purpose: 'write' | 'dry run';
}
