import { bounds, defaults } from '../../limits.ts';
import type { CheckedEntry } from '../entry.ts';

/** Which devices, and what is done with them. */
export const workOptions = {
  local: {
    key: 'local',
    scope: 'run',
    requiredFor: 'run',
    short: 'l',
    group: 'Devices',
    value: { type: 'path' },
    placeholder: 'PATH',
    help: 'Device or file on this machine.',
  },
  remote: {
    key: 'remote',
    scope: 'run',
    requiredFor: 'run',
    short: 'r',
    group: 'Devices',
    value: { type: 'path' },
    placeholder: 'PATH',
    help: 'The other device or file: on the host, or on this machine if there is no host.',
  },
  action: {
    key: 'action',
    scope: 'comparison',
    requiredFor: 'transfer',
    short: 'a',
    group: 'What to do',
    value: { type: 'choice', choices: { PUSH: 'push', POP: 'pop', PULL: 'pop' } },
    placeholder: 'ACTION',
    otherwise: 'nothing is changed',
    help: 'The direction. `PUSH`: from local to remote. `POP` (or `PULL`): from remote to local.',
  },
  mode: {
    key: 'mode',
    scope: 'transfer',
    requiredFor: 'transfer',
    needs: 'action',
    short: 'm',
    group: 'What to do',
    value: { type: 'choice', choices: { SYNC: 'sync', COPY: 'copy' } },
    placeholder: 'MODE',
    help:
      'What is sent. `SYNC`: only what differs. `COPY`: everything. ' +
      'Mandatory with an action, unless only `--recheck` is wanted.',
  },
  recheck: {
    key: 'recheck',
    scope: 'transfer',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Read both sides again afterwards and compare. Without a mode, only compare.',
    details: 'The page cache is bypassed. A warning says where this is not possible.',
  },
  create: {
    key: 'create',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Create the target if it does not exist: a sparse regular file of the size of the source.',
    details: 'An empty file is completed as well. Without it, a missing target is an error.',
  },
  grow: {
    key: 'grow',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Extend a target file that is smaller than the source. A device is not extended, and nothing is ever shortened.',
    details: 'A warning states both sizes. Without it, a target that is too small is an error.',
  },
  force: {
    key: 'force',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Write to the target although it is in use.',
    details: 'A warning says what uses it.',
  },
  sparse: {
    key: 'sparse',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'choice', choices: { auto: 'auto', always: 'always', never: 'never' } },
    placeholder: 'WHEN',
    default: 'auto',
    help: 'Whether zeros become holes of a target file, which use no space.',
    details:
      '`auto`: in a file that has holes already or was just created. A file whose blocks are all allocated keeps them. ' +
      '`always` and `never` do not depend on the file.',
  },
  discard: {
    key: 'discard',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Release ranges of a target block device that become zero, such as on a thin volume.',
    details:
      'Zeros are written where the device is not certain to read as zeros afterwards. ' +
      'It has no effect on a file: see `--sparse`.',
  },
  changed: {
    key: 'changed',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'path' },
    placeholder: 'FILE',
    otherwise: 'everything is read',
    help:
      'Compare only the ranges that the list in FILE names (`-`: stdin), and take everything else for equal. ' +
      'Only with `--mode=SYNC`.',
    details:
      'Accepted are lists that `--ranges` made, the outputs of `rbd diff --format json`, `nbdinfo --map=qemu:dirty-bitmap:NAME --json`, `thin_delta` and ' +
      '`era_invalidate`, and lines of an offset and a length in bytes.',
  },
  'changed-block-size': {
    key: 'changedBlockBytes',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'size', leastBytes: bounds.minChangedBlockBytes, mostBytes: bounds.maxBufferBytes },
    placeholder: 'SIZE',
    otherwise: 'such a list is refused',
    help: 'The block of dm-era, for a list that `era_invalidate` made.',
  },
  sample: {
    key: 'sampleBytes',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'size', leastBytes: 0, mostBytes: bounds.maxSampleBytes },
    placeholder: 'SIZE',
    default: defaults.sampleBytes,
    help: 'With `--changed`: how much outside the list is compared before the first write, in random places.',
    details: 'If anything in them differs, a warning says so, and everything is compared. 0 disables it.',
  },
  'dry-run': {
    key: 'dryRun',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Do everything but write.',
    details:
      'The run reports how much would be sent and written, and skips `--recheck`. ' +
      '`COPY` would write everything, so it reads nothing then: use `SYNC` to find out whether the source can be read.',
  },
  snapshot: {
    key: 'snapshot',
    scope: 'comparison',
    needs: 'action',
    group: 'What to do',
    value: {
      type: 'optional size',
      leastBytes: bounds.minSnapshotBytes,
      mostBytes: bounds.maxSnapshotBytes,
    },
    placeholder: 'SIZE',
    otherwise: 'the source itself is read',
    help: 'Read the source from a read-only LVM snapshot, which is removed at the end. SIZE is the space for what changes meanwhile, such as 2G.',
    details:
      'The source must be a logical volume, on either host, and may be in use. A thin volume needs no SIZE: its pool has the space. ' +
      'See [Snapshots](#snapshots).',
  },
  'skip-read-errors': {
    key: 'skipReadErrors',
    scope: 'comparison',
    needs: 'action',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Go on after a read error of the source. What can not be read stays as it is on the target, and is listed. The exit code is 2.',
    details: 'A read that fails is tried again in pieces of 4 KiB.',
  },
} as const satisfies Record<string, CheckedEntry>;
