import type { EventListener, RunSignal } from '../report.ts';
import type { PhaseSelector } from '../session/selection.ts';
import { readChangeList } from './read-list.ts';
import { changedSelector } from './selector.ts';

export interface ChangedOptions {
  /** Of the list, or `-` for stdin. */
  readonly changed: string;
  readonly changedBlockBytes?: number | undefined;
  readonly sampleBytes: number;
  readonly bufferBytes: number;
  readonly signal?: RunSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}

/**
 * Reads a list of changes, and returns what lets a run examine only what it names.
 *
 * @throws {BasynError} `refused`, where the list can't be used; `aborted`.
 */
export async function selectorOfList(options: ChangedOptions): Promise<PhaseSelector> {
  const {
    changed: path,
    changedBlockBytes: eraBlockBytes,
    sampleBytes,
    bufferBytes,
    signal,
    onEvent,
  } = options;
  const { list, format } = await readChangeList({ path, bufferBytes, eraBlockBytes, signal });
  const ranges = list.rangeCount === 1 ? '1 range' : `${list.rangeCount} ranges`;
  const name = path === '-' ? 'stdin' : path;
  return changedSelector({
    list,
    sampleBytes,
    note: `The list of changes in ${name} has ${ranges}, in the format of ${format}.`,
    report: (type, message) => onEvent?.({ type, message }),
  });
}
