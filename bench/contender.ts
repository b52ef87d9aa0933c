import type { ImageFiles, ImageName, TargetState } from './images.ts';
import type { HostName } from './network.ts';

/** A command that is measured. It uses only the pair of images that it is given. */
export interface Contender {
  readonly name: string;
  /** The executable that must be on the PATH for it to take part. */
  readonly tool: string;
  /** The host name of the peer; undefined if the command runs on one host. */
  readonly host?: HostName;
  readonly image: ImageName;
  /** The state of the target before each run. */
  readonly state: TargetState;
  /** Whether the page cache is dropped before each run. That needs root. */
  readonly isCold?: true;
  /** Whether source and target must be equal after each run. */
  readonly makesEqual: boolean;
  /**
   * Records the contents of the target before each run, as the last run of a nightly job does; it is not timed. Then the
   * source changes, and not the target.
   */
  record?(files: ImageFiles): string;
  /** A shell command line. */
  command(files: ImageFiles): string;
}
