import { beforeEach, onTestFinished } from 'vitest';
import { assertNothingLeft, snapshotProcesses, type ProcessSnapshot } from '../../rig/processes/processes.ts';

/** The processes that tests start, and that must be gone when they end. */
export interface ProcessCheck {
  /** Waits until no process is left that the test has started. */
  expectNothingLeft(withinMs?: number): Promise<void>;
}

/** For all tests of the file: each of them fails if it leaves a process. */
export function useProcessCheck(withinMs = 10_000): ProcessCheck {
  let before: ProcessSnapshot = new Set();
  beforeEach(() => {
    before = snapshotProcesses();
    // Runs after what the test itself does when it has finished, because these are called in reverse order.
    onTestFinished(() => assertNothingLeft(before, withinMs));
  });
  return { expectNothingLeft: (limitMs) => assertNothingLeft(before, limitMs) };
}
