import type { RecheckOptions, RecordOptions, SyncOptions } from '../options/types.ts';
import { Recorder } from '../state-file/recorder.ts';

/** The options of a run with a state file. */
export type RecordingOptions = RecheckOptions & Partial<Omit<SyncOptions, keyof RecheckOptions>>;

/**
 * Opens the state file of a run.
 *
 * @throws {BasynError} `refused`, if it is no state file, or another run uses it; `device`, if it cannot be read.
 */
export function openRecorder(options: RecordingOptions): Promise<Recorder> {
  const { bitmap = '', action, mode, host, local, remote, dryRun = false } = options;
  const target = action === 'pop' ? { host: '', path: local } : { host: host ?? '', path: remote };
  const isRebuilt = mode === 'copy' || options.updateBitmap === true || options.resetBitmap === true;
  return Recorder.open({
    path: bitmap,
    target,
    // A recheck verifies what the file says.
    access: dryRun || mode === undefined ? 'read' : 'update',
    contents: isRebuilt ? 'rebuild' : 'use',
    trust: options.trustTarget === true ? 'given' : 'proved',
    scrubPercent: options.scrubPercent ?? 0,
  });
}

/**
 * Opens the state file of a run without a target.
 *
 * @throws {BasynError} as {@link openRecorder}; `refused`, if it belongs to a target and is not to be made anew.
 */
export function openRecorderOfSource({
  bitmap,
  updateBitmap = false,
  resetBitmap = false,
}: RecordOptions): Promise<Recorder> {
  return Recorder.open({
    path: bitmap,
    target: undefined,
    access: 'update',
    contents: updateBitmap || resetBitmap ? 'rebuild' : 'use',
    trust: 'proved',
    scrubPercent: 0,
  });
}
