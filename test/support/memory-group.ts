import { existsSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isRoot } from './loop-device.ts';

const versionOne = '/sys/fs/cgroup/memory';
const versionTwo = '/sys/fs/cgroup';

/** Where groups with a limit of memory can be made, and the file that holds the limit. */
const place = !isRoot
  ? undefined
  : existsSync(join(versionOne, 'memory.limit_in_bytes'))
    ? { directory: versionOne, limitFile: 'memory.limit_in_bytes' }
    : hasController()
      ? { directory: versionTwo, limitFile: 'memory.max' }
      : undefined;

/** Whether this machine has such groups, and this user may make one. */
export const hasMemoryGroups = place !== undefined;

/**
 * A control group whose processes, with the page cache that they fill, have this memory. It is removed when the test ends.
 *
 * @returns words before a command line that run it in the group.
 */
export function memoryGroup(limitBytes: number): string[] {
  const { directory, limitFile } = place!;
  const path = mkdtempSync(join(directory, 'basyn-test-'));
  onTestFinished(() => rmdirSync(path));
  writeFileSync(join(path, limitFile), `${limitBytes}`);
  return ['sh', '-c', `echo $$ > ${path}/cgroup.procs && exec "$@"`, 'sh'];
}

function hasController(): boolean {
  const controllers = join(versionTwo, 'cgroup.subtree_control');
  return existsSync(controllers) && readFileSync(controllers, 'utf8').includes('memory');
}
