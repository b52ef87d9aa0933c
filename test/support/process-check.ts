import { beforeEach, onTestFinished } from 'vitest';
import { assertNothingLeft, snapshotProcesses, type ProcessSnapshot } from '../../rig/processes/processes.ts';

/** The processes that tests start, and that must end with them. */
export interface ProcessCheck {
  /** Waits until all processes that the test has started have ended. */
  expectNothingLeft(withinMs?: number): Promise<void>;
}

/** For all tests of the file: each of them fails if it leaves a process. */
export function useProcessCheck(withinMs = 10_000): ProcessCheck {
  let before: ProcessSnapshot = new Set();
  beforeEach(() => {
    before = snapshotProcesses();
    // Runs after the clean-up of the test itself, because these hooks are called in reverse order.
    onTestFinished(() => assertNothingLeft(before, withinMs));
  });
  return { expectNothingLeft: (limitMs) => assertNothingLeft(before, limitMs) };
}
