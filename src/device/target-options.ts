import type { Location } from './handle.ts';
import type { StorageIdentity } from './identity.ts';

/** How a target is opened. */
export interface TargetOptions extends Location {
  readonly sourceSizeBytes: number;
  /** Undefined if the source is known to be other storage. */
  readonly sourceIdentity?: StorageIdentity;
  /** Whether a missing target is an error, or is created as a sparse regular file of the size of the source. */
  readonly missing: 'refuse' | 'create';
  /** Whether a regular file that is smaller than the source is an error, or is extended to the size of the source. */
  readonly tooSmall: 'refuse' | 'extend';
  /** Whether a target in use is an error, or leads to a warning (`--force`). */
  readonly inUse: 'refuse' | 'warn';
  /** A dry run opens the target for reading only. It neither creates nor extends anything. The same guards apply. */
  readonly purpose: 'write' | 'dry run';
}
