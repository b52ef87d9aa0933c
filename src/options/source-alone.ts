import { BasynError } from '../errors.ts';
import { missing } from './missing.ts';
import type { RecordOptions } from './types.ts';
import type { Wording } from './wording.ts';

/**
 * The rules of a run that makes a state file from the source alone.
 *
 * @throws {BasynError} `usage`, unless the source, the file and the direction are given, and nothing about a target.
 */
export function requireSourceAlone(options: Partial<RecordOptions>, wording: Wording): void {
  const { action, bitmap, host, ranges, skipReadErrors = false } = options;
  if (action === undefined) throw missing('action', wording);
  if (bitmap === undefined) throw missing('bitmap', wording);
  const [source, target] =
    action === 'push' ? (['local', 'remote'] as const) : (['remote', 'local'] as const);
  if (options[source] === undefined) throw missing(source, wording);
  if (options[target] !== undefined) {
    throw new BasynError(
      'usage',
      `${wording.name(target)} names a target, and the state file is made from the source alone: leave it out, or sync.`,
    );
  }
  if (action === 'push' && host !== undefined) {
    throw new BasynError(
      'usage',
      `${wording.name('host')} needs ${wording.name('remote')}, which names the target on the host. To make the state file ` +
        `from the source alone, leave out ${wording.name('host')}: the source of a PUSH is on this machine.`,
    );
  }
  if (ranges !== undefined) {
    throw new BasynError(
      'usage',
      `${wording.name('ranges')} needs a target: without one, nothing is compared.`,
    );
  }
  if (skipReadErrors) {
    throw new BasynError(
      'usage',
      `${wording.name('skip-read-errors')} needs a target: of what cannot be read, a state file can say nothing.`,
    );
  }
}
