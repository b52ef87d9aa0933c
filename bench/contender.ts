import type { ImageFiles, ImageName, TargetState } from './images.ts';
import type { HostName } from './network.ts';

/** A command that is measured. It names no other files than the pair of images it is handed. */
export interface Contender {
  readonly name: string;
  /** The executable that must be on the PATH for it to take part. */
  readonly tool: string;
  /** The name by which it reaches the other side; none where it stays on this machine. */
  readonly host?: HostName;
  readonly image: ImageName;
  /** How the target is before each run. */
  readonly state: TargetState;
  /** Whether source and target must be equal after each run. */
  readonly makesEqual: boolean;
  /** A line for the shell. */
  command(files: ImageFiles): string;
}
