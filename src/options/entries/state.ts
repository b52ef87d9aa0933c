import type { CheckedEntry } from '../entry.ts';

/** What a run knows of the target from earlier runs. */
export const stateOptions = {
  bitmap: {
    key: 'bitmap',
    scope: 'comparison',
    needs: 'action',
    short: 'b',
    group: 'State file',
    value: { type: 'path' },
    placeholder: 'FILE',
    otherwise: 'both devices are read',
    help: 'Keep the digests of the target in a file on this machine. The next run does not read the target where the file is valid.',
    details:
      'The file is created if it does not exist. If it cannot be trusted, a warning says why, and everything is compared. ' +
      'A recheck reads both devices, and verifies the file. `--hash` and `--buffer` default to those of the file. ' +
      'SYNC without the path of the target makes the file from the source alone, for a target that was filled in another way. ' +
      'The first run with a target compares a sample of it.',
  },
  'update-bitmap': {
    key: 'updateBitmap',
    scope: 'recording',
    needs: 'mode',
    group: 'State file',
    value: { type: 'flag' },
    default: false,
    help: 'With `--bitmap`: compare everything, send what differs, and rebuild the file.',
  },
  'reset-bitmap': {
    key: 'resetBitmap',
    scope: 'recording',
    needs: 'mode',
    group: 'State file',
    value: { type: 'flag' },
    default: false,
    help: 'With `--bitmap`: do not read the target, send everything, and rebuild the file.',
    details: 'COPY with `--bitmap` does the same.',
  },
  'trust-target': {
    key: 'trustTarget',
    scope: 'transfer',
    needs: 'mode',
    group: 'State file',
    value: { type: 'flag' },
    default: false,
    help: 'With `--bitmap`: use the file although the target may have been modified since the last run.',
    details: 'A warning says why that is not certain, such as after a restart of its host.',
  },
  scrub: {
    key: 'scrubPercent',
    scope: 'transfer',
    needs: 'mode',
    group: 'State file',
    value: { type: 'integer', least: 1, most: 100 },
    placeholder: 'PERCENT',
    otherwise: 'nothing',
    help: 'With `--bitmap`: compare this part of the device although the file knows it, and the next part in the next run.',
    details: 'With 3, everything has been compared after 34 runs.',
  },
} as const satisfies Record<string, CheckedEntry>;
