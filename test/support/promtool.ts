import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { unpackedPackages } from './unpacked-packages.ts';

/**
 * Runs promtool. It comes from Debian's prometheus, which is not installed: its server would start.
 *
 * @throws {Error} where promtool has complaints.
 */
export function promtool(args: readonly string[], input = ''): string {
  const path = join(unpackedPackages('prometheus'), 'usr/bin/promtool');
  return execFileSync(path, args, { input, encoding: 'utf8', stdio: 'pipe' });
}
