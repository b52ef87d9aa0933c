import type { Side } from '../errors.ts';
import type { OptionsByRun, RunKind } from './entry.ts';

/** The side whose device a run writes to. Undefined where it only reads: a comparison, a dry run, a state file from the source. */
export function writtenSideOf(kind: RunKind, options: OptionsByRun[RunKind]): Side | undefined {
  if (kind !== 'sync' || isDryRun(options)) return undefined;
  return 'action' in options && options.action === 'push' ? 'remote' : 'local';
}

export function isDryRun(options: OptionsByRun[RunKind]): boolean {
  return 'dryRun' in options && options.dryRun === true;
}
