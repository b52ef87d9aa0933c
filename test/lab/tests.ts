import {
  recoversFromDroppedWrites,
  recoversFromFailedWrites,
  reportsFailedFlush,
  reportsFailedFlushOfEqualData,
} from './guest/failing-disk.ts';
import { survivesAfterForeignCopy, survivesAfterKilledRun, survivesAfterOneRun } from './guest/power-cut.ts';

/** A test that runs in the guest. */
export interface LabTest {
  readonly name: string;
  /** `npm test` runs the short selection, `npm run test:lab` all of them. */
  readonly selection: 'short' | 'long';
  readonly run: () => void;
}

const atFlush = { call: 'fdatasync', count: 1 } as const;
const atLastFlush = { call: 'fdatasync', count: 2 } as const;
const atFirstWrite = { call: 'pwrite64', count: 1 } as const;
const recheck = '--recheck';

export const labTests: readonly LabTest[] = [
  ...short({
    'a disk fails writes for a while and recovers: a second SYNC writes what it lacks': () =>
      recoversFromFailedWrites('here'),
    'a disk fails writes for a while and recovers: a second SYNC over ssh writes what it lacks': () =>
      recoversFromFailedWrites('ssh'),
    'a disk drops writes for a while: --recheck finds it, and a second SYNC writes what it lacks': () =>
      recoversFromDroppedWrites('here'),
    'a disk fails only the flush: the run fails': () => reportsFailedFlush('here'),
    'a disk fails only the flush: a SYNC that finds both sides equal fails': () =>
      reportsFailedFlushOfEqualData('here'),
    'power cut after a SYNC: the medium is equal': () => survivesAfterOneRun('here'),
    'power cut after a SYNC that follows one killed at its flush: the medium is equal': () =>
      survivesAfterKilledRun('here', atFlush),
    'power cut after a SYNC over ssh that follows one killed at its flush: the medium is equal': () =>
      survivesAfterKilledRun('ssh', atFlush),
    'power cut after another program has copied and SYNC found both sides equal: the medium is equal': () =>
      survivesAfterForeignCopy('here'),
  }),
];

function short(tests: Readonly<Record<string, () => void>>): LabTest[] {
  return Object.entries(tests).map(([name, run]) => ({ name, selection: 'short', run }));
}
