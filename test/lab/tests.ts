import {
  recoversFromDroppedWrites,
  recoversFromFailedWrites,
  recoversFromFailedWritesBelowFile,
  recoversFromUnnoticedFailure,
  reportsFailedFlush,
  reportsFailedFlushOfEqualData,
} from './guest/failing-disk.ts';
import {
  recipeCopiesSnapshot,
  recipeCopiesThinSnapshot,
  recipeRemovesSnapshotAfterSignal,
  recipeReportsFailedSync,
  recipeReportsFullSnapshot,
} from './guest/lvm-recipe.ts';
import { leavesOutBadSectors } from './guest/bad-sectors.ts';
import { namesCommandThatExtendsVolume } from './guest/small-volume.ts';
import {
  createdFileSurvives,
  fileSurvivesAfterForeignCopy,
  fileSurvivesAfterKilledRun,
  survivesAfterForeignCopy,
  survivesAfterForeignCopyAndRecheck,
  survivesAfterKilledRun,
  survivesAfterOneRun,
} from './guest/power-cut.ts';
import { survivesReboot } from './guest/reboot.ts';
import { releasesZerosOfThinVolume } from './guest/thin-volume.ts';

import {
  copiesSnapshot,
  explainsImpossibleSnapshots,
  nextAttemptReadsSameSnapshot,
  nextRunRemovesLeftover,
  refusesFullPool,
  removesSnapshotAfterSignal,
  removesSnapshotOfKilledRun,
  reportsOverflow,
  reportsOverflowAtEnd,
  startsAgainWithNewSnapshot,
} from './guest/snapshot.ts';

import {
  comparesGrownEnd,
  continuesAfterKilledRun,
  keepsNoBaseWithoutTool,
  noticesOtherBase,
  noticesRollbackAfterKilledRun,
  noticesWrittenBase,
  readsWhatHasChanged,
  releasesMetadataAfterKill,
} from './guest/nightly.ts';
import { detectsRollback, detectsWrongBases, listsEveryDifference } from './guest/thin-base.ts';

/** A test that runs in the guest. */
export interface LabTest {
  readonly name: string;
  /** `npm test` runs the short selection, `npm run test:lab` all of them. */
  readonly selection: 'short' | 'long';
  readonly run: () => void | Promise<void>;
}

/** The first flush of a run follows the opening of the target, the second one the last write. */
const atFirstFlush = { call: 'flush', count: 1 } as const;
const atSecondFlush = { call: 'flush', count: 2 } as const;
const atFirstWrite = { call: 'write', count: 1 } as const;
const recheck = '--recheck';

export const labTests: readonly LabTest[] = [
  ...inSelection('short', {
    'a disk that fails writes for a while: a second SYNC writes what the disk lacks': () =>
      recoversFromFailedWrites('here'),
    'a disk that fails writes below a file: a second SYNC writes what the disk lacks': () =>
      recoversFromFailedWritesBelowFile('here'),
    'a disk that drops writes: --recheck finds it, a second SYNC writes what the disk lacks': () =>
      recoversFromDroppedWrites('here'),
    'a power cut after a SYNC killed at its last flush, then one with exit code 0': () =>
      survivesAfterKilledRun('here', atSecondFlush),
    'a power cut after another program has copied and SYNC --recheck found both sides equal': () =>
      survivesAfterForeignCopy('here', recheck),
    'a power cut with a file on ext4 that another program has copied and SYNC found equal': () =>
      fileSurvivesAfterForeignCopy('here'),
    'a source with bad sectors: they are left out and listed, and everything else is copied': () =>
      leavesOutBadSectors('here'),
    'a thin volume: --discard releases zeros, and no old data stays': () => releasesZerosOfThinVolume('here'),
    'snapshot of a classic volume that overflows during a PUSH: exit code 2': () => reportsOverflow('PUSH'),
    'nights with a snapshot and a state file in a PUSH: each reads what has changed': () =>
      readsWhatHasChanged('PUSH'),
  }),
  ...inSelection('long', {
    'a disk that fails only the flush: a run that writes fails': () => reportsFailedFlush('here'),
    'a disk that fails only the flush: a run that finds both sides equal fails': () =>
      reportsFailedFlushOfEqualData('here'),
    'a power cut after a SYNC over ssh killed at its last flush, then one with exit code 0': () =>
      survivesAfterKilledRun('ssh', atSecondFlush),
    'snapshot in a POP with retries: the next attempt reads the same one': () =>
      nextAttemptReadsSameSnapshot('classic', 'POP over ssh'),
    'snapshot that a killed PUSH and its cleaner have left: the next run removes it': () =>
      nextRunRemovesLeftover('classic', 'PUSH'),
    'a thin base: what would make its list wrong is detected': () => detectsWrongBases(),
    'a source with bad sectors: the same over ssh': () => leavesOutBadSectors('ssh'),
    'a host that loses its power during a COPY with --retries: the run continues, and ends equal': () =>
      survivesReboot('COPY'),
    'a host that loses its power during a SYNC with --retries: the run continues, and ends equal': () =>
      survivesReboot('SYNC'),
    'a thin volume: --discard over ssh releases zeros, and no old data stays': () =>
      releasesZerosOfThinVolume('ssh'),
    'a disk that fails writes for a while: a second SYNC --recheck writes what the disk lacks': () =>
      recoversFromFailedWrites('here', recheck),
    'a disk that fails writes for a while: a second SYNC over ssh writes what the disk lacks': () =>
      recoversFromFailedWrites('ssh'),
    'a disk that fails writes for a while: a second SYNC --recheck over ssh writes what the disk lacks': () =>
      recoversFromFailedWrites('ssh', recheck),
    'a disk that fails writes below a file: a second SYNC over ssh writes what the disk lacks': () =>
      recoversFromFailedWritesBelowFile('ssh', recheck),
    'a disk that drops writes: --recheck over ssh finds it, a second SYNC writes what the disk lacks': () =>
      recoversFromDroppedWrites('ssh'),
    'a disk that fails only the flush: a run over ssh that writes fails': () => reportsFailedFlush('ssh'),
    'a disk that fails only the flush: a run over ssh that finds both sides equal fails': () =>
      reportsFailedFlushOfEqualData('ssh'),
    'a disk that has failed the writes of another program: a SYNC writes what the disk lacks': () =>
      recoversFromUnnoticedFailure('here'),
    'a disk that has failed the writes of another program: a SYNC over ssh writes what the disk lacks': () =>
      recoversFromUnnoticedFailure('ssh'),
    'a power cut after another program has copied and a recheck without an action found both sides equal':
      () => survivesAfterForeignCopyAndRecheck('here'),
    'a power cut after another program has copied and a recheck over ssh found both sides equal': () =>
      survivesAfterForeignCopyAndRecheck('ssh'),
    'a power cut after a SYNC': () => survivesAfterOneRun('here'),
    'a power cut after a SYNC over ssh': () => survivesAfterOneRun('ssh'),
    'a power cut after a SYNC killed at its first write, then one with exit code 0': () =>
      survivesAfterKilledRun('here', atFirstWrite),
    'a power cut after a SYNC killed at its first flush, then one with exit code 0': () =>
      survivesAfterKilledRun('here', atFirstFlush),
    'a power cut after a SYNC killed at its last flush, then a recheck with exit code 0': () =>
      survivesAfterKilledRun('here', atSecondFlush, recheck),
    'a power cut after a SYNC over ssh killed at its first write, then one with exit code 0': () =>
      survivesAfterKilledRun('ssh', atFirstWrite),
    'a power cut after a SYNC over ssh killed at its last flush, then a recheck with exit code 0': () =>
      survivesAfterKilledRun('ssh', atSecondFlush, recheck),
    'a power cut after another program has copied and SYNC over ssh found both sides equal': () =>
      survivesAfterForeignCopy('ssh'),
    'a power cut with a file on ext4 after a SYNC killed at its last flush, then one with exit code 0': () =>
      fileSurvivesAfterKilledRun('here', atSecondFlush, recheck),
    'a power cut with a file on ext4 after a SYNC over ssh killed at its last flush': () =>
      fileSurvivesAfterKilledRun('ssh', atSecondFlush),
    'a power cut with a file that --create has made': () => createdFileSurvives('here'),
    'snapshot of a mounted thin volume in a POP over ssh: the target is what it held at one moment': () =>
      copiesSnapshot('thin', 'POP over ssh'),
    'snapshot of a mounted classic volume in a PUSH: the target is what it held at one moment': () =>
      copiesSnapshot('classic', 'PUSH'),
    'snapshot of a mounted classic volume in a PUSH over ssh: the target is what it held at one moment': () =>
      copiesSnapshot('classic', 'PUSH over ssh'),
    'snapshot of a mounted classic volume in a POP over ssh: the target is what it held at one moment': () =>
      copiesSnapshot('classic', 'POP over ssh'),
    'snapshot of a mounted thin volume in a PUSH over ssh: the target is what it held at one moment': () =>
      copiesSnapshot('thin', 'PUSH over ssh'),
    'snapshot of a classic volume that overflows during a PUSH over ssh: exit code 2': () =>
      reportsOverflow('PUSH over ssh'),
    'snapshot of a classic volume that overflows during a POP over ssh: exit code 2': () =>
      reportsOverflow('POP over ssh'),
    'snapshot of a classic volume that overflows after the last byte was read: exit code 2': () =>
      reportsOverflowAtEnd('PUSH over ssh'),
    'snapshot of a killed PUSH: its cleaner removes it': () => removesSnapshotOfKilledRun('PUSH'),
    'snapshot of a killed POP over ssh: its cleaner removes it': () =>
      removesSnapshotOfKilledRun('POP over ssh'),
    'snapshot that a killed POP and its cleaner have left: the next run removes it': () =>
      nextRunRemovesLeftover('thin', 'POP over ssh'),
    'snapshot in a PUSH with retries: the next attempt reads the same one': () =>
      nextAttemptReadsSameSnapshot('thin', 'PUSH over ssh'),
    'snapshot that is gone before the next attempt of a POP: it starts again with a new one': () =>
      startsAgainWithNewSnapshot('POP over ssh'),
    'snapshot that is gone before the next attempt of a PUSH: it starts again with a new one': () =>
      startsAgainWithNewSnapshot('PUSH over ssh'),
    'snapshot in a POP with retries: a signal removes it': () => removesSnapshotAfterSignal('POP over ssh'),
    'snapshot in a PUSH with retries: a signal removes it': () => removesSnapshotAfterSignal('PUSH over ssh'),
    'snapshot that is impossible: the reason is given, and the target is not touched': () =>
      explainsImpossibleSnapshots('PUSH'),
    'snapshot that is impossible in a POP: the reason is given, and the target is not touched': () =>
      explainsImpossibleSnapshots('POP over ssh'),
    'snapshot of a volume in a pool that is nearly full: refused': () => refusesFullPool(),
    'nights with a snapshot and a state file in a PUSH over ssh: each reads what has changed': () =>
      readsWhatHasChanged('PUSH over ssh'),
    'nights with a snapshot and a state file in a POP over ssh: each reads what has changed': () =>
      readsWhatHasChanged('POP over ssh'),
    'nights with a volume that grows: its new end is compared': () => comparesGrownEnd('PUSH over ssh'),
    'nights after a killed PUSH and a rollback of the volume: everything is compared': () =>
      noticesRollbackAfterKilledRun('PUSH over ssh'),
    'nights after a killed POP and a rollback of the volume: everything is compared': () =>
      noticesRollbackAfterKilledRun('POP over ssh'),
    'nights after a killed PUSH: what it had changed is compared': () =>
      continuesAfterKilledRun('PUSH over ssh'),
    'nights after a killed POP: what it had changed is compared': () =>
      continuesAfterKilledRun('POP over ssh'),
    'nights after a run that was killed during thin_delta: the metadata is not reserved': () =>
      releasesMetadataAfterKill('PUSH'),
    'nights after a POP that was killed during thin_delta: the metadata is not reserved': () =>
      releasesMetadataAfterKill('POP over ssh'),
    'nights with another base under the name: everything is compared': () => noticesOtherBase('PUSH'),
    'nights with a base that may have been written to: everything is compared': () =>
      noticesWrittenBase('POP over ssh'),
    'nights without thin_delta: no base is kept': () => keepsNoBaseWithoutTool('PUSH'),
    'a thin base: every difference is listed, and the end of a volume that grew': () =>
      listsEveryDifference(),
    'a thin base: a rollback of the volume is detected': () => detectsRollback(),
    'a volume that is too small: the command in the message extends it': () =>
      namesCommandThatExtendsVolume('here'),
    'a volume that is too small: the command in the message from the host extends it': () =>
      namesCommandThatExtendsVolume('ssh'),
    'the recipe for LVM: the backup is what the volume held when the snapshot was taken':
      recipeCopiesSnapshot,
    'the recipe for LVM: the same with a thin pool': recipeCopiesThinSnapshot,
    'the recipe for LVM: a sync that fails is reported, and the snapshot is removed': recipeReportsFailedSync,
    'the recipe for LVM: a signal removes the snapshot, once the sync has ended':
      recipeRemovesSnapshotAfterSignal,
    'the recipe for LVM: a snapshot that overflows during the sync is reported': recipeReportsFullSnapshot,
  }),
];

function inSelection(
  selection: LabTest['selection'],
  tests: Readonly<Record<string, LabTest['run']>>,
): LabTest[] {
  return Object.entries(tests).map(([name, run]) => ({ name, selection, run }));
}
