import * as os from 'node:os';

/** Node has it from 18.14 on. Debian 12 was released with 18.13. */
interface WithAvailableParallelism {
  readonly availableParallelism?: () => number;
}

/** The processors that this process may use. An older node counts those of the machine. */
export function processorCount(): number {
  const { availableParallelism } = os as WithAvailableParallelism;
  return availableParallelism?.() ?? Math.max(1, os.cpus().length);
}
