import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { refuseScpNotation } from '../../src/cli/scp-notation.ts';
import { commandWording } from '../../src/cli/wording.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { usageMessage } from './output.fixture.ts';

const inspecting = (local: string, remote: string, host?: string) =>
  ({ kind: 'inspect', options: { local, remote, ...(host !== undefined && { host }) } }) as const;

it.each([
  ['backup:/srv/disk.img', '--host=backup --remote=/srv/disk.img'],
  ['root@backup.example.org:/dev/sdb', '--host=root@backup.example.org --remote=/dev/sdb'],
  ['[::1]:/dev/sdb', '--host=[::1] --remote=/dev/sdb'],
  ['me@[fe80::1%eth0]:/dev/sdb', '--host=me@[fe80::1%eth0] --remote=/dev/sdb'],
])('--remote=%s without a host is refused with the intended options', (remote, meant) => {
  const message = usageMessage(() => refuseScpNotation(inspecting('/a', remote), commandWording));
  expect(message).toContain(`--remote: there is no file named "${remote}" on this machine.`);
  expect(message).toContain(`write ${meant}.`);
});

it('--local must be a path on the local machine', () => {
  expect(usageMessage(() => refuseScpNotation(inspecting('backup:/srv/a', '/b'), commandWording))).toMatch(
    /^--local: .* write --host=backup --remote=\/srv\/a, and choose the direction with --action\.$/,
  );
});

it.each(['/dev/disk/by-path/pci-0000:00:1f.2', './host:/path', 'a/b:/c', 'disk:1.img', '12:30', ':/x'])(
  'the path %s is accepted as a local path',
  (path) => {
    expect(() => refuseScpNotation(inspecting(path, path), commandWording)).not.toThrow();
  },
);

it('an existing file of this name is accepted, and so is any remote path if a host is given', () => {
  const previous = process.cwd();
  process.chdir(scratchDirectory());
  onTestFinished(() => process.chdir(previous));
  mkdirSync('host:');
  writeFileSync(join('host:', 'disk'), 'x');
  expect(() => refuseScpNotation(inspecting('/a', 'host:/disk'), commandWording)).not.toThrow();
  expect(() => refuseScpNotation(inspecting('/a', 'host:/other', 'backup'), commandWording)).not.toThrow();
});
