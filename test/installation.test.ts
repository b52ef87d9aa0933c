/** Only for the laboratory: it takes minutes, and needs debootstrap and the Debian package archive. */
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { filesEqual, writeImage } from '../rig/images/images.ts';
import { hostOptions, type SshServer } from '../rig/ssh/index.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { freshDebian, runIn } from './support/fresh-debian.ts';
import { useHostRoot } from './support/host-roots.ts';
import { attachLoop, isRoot } from './support/loop-device.ts';
import { scratchDirectory } from './support/scratch.ts';
import { useStandalone } from './support/standalone.ts';

const run = promisify(execFile);
const project = resolve(import.meta.dirname, '..');
/** xz takes minutes for an executable, and so does lintian, if the machine is busy. */
const timeoutMs = 1_200_000;

describe.skipIf(!isRoot)('a Debian package (needs root)', () => {
  const standalone = useStandalone();
  const folder = makeTemporaryDirectory('installation');
  afterAll(() => folder.remove());
  beforeAll(async () => {
    const tsx = join(project, 'node_modules/.bin/tsx');
    // tsx leaves a directory in the one for temporary files.
    const env = { ...process.env, TMPDIR: folder.path, BASYN_RELEASE_DIRECTORY: folder.path };
    await run(tsx, ['scripts/build-deb.ts', standalone.path], { cwd: project, env });
  }, timeoutMs);

  /** The file of the package with this name. */
  function packageFile(name: string): string {
    return join(
      folder.path,
      readdirSync(folder.path).find((file) => file.startsWith(`${name}_`))!,
    );
  }

  describe.each(['basyn', 'basyn-standalone'])('%s', (name) => {
    test('has no error and no warning of lintian', { timeout: timeoutMs }, async () => {
      const env = { ...process.env, TMPDIR: folder.path };
      const linting = run('lintian', ['--allow-root', '--fail-on=error,warning', packageFile(name)], { env });
      expect(await linting.catch((error: unknown) => error)).toMatchObject({ stdout: '' });
    });

    test('is installed, used and removed, and leaves nothing', { timeout: timeoutMs }, async () => {
      const system = await freshDebian();
      const file = basename(packageFile(name));
      copyFileSync(packageFile(name), join(system.path, file));
      const { stdout: needed } = await run('dpkg-deb', ['--field', packageFile(name), 'Depends']);
      await system.run('apt-get update');
      await system.run(`apt-get satisfy --yes --no-install-recommends '${needed.trim()}'`);
      const before = await system.run(everyPath);

      await system.run(`dpkg --install /${file}`);
      expect(await system.run('basyn --version')).toMatch(/^basyn \d+\.\d+\.\d+\S*\n$/);
      expect(await system.run(localSync)).toBe('equal\n');
      expect(await shownManual(system.path)).toMatch(/^ {7}basyn - make one block device/m);
      const completing = `. /usr/share/bash-completion/completions/basyn; complete -p basyn`;
      expect(await system.run(`bash -c '${completing}'`)).toMatch(/^complete .* basyn\n$/);
      for (const path of [
        'share/zsh/vendor-completions/_basyn',
        'share/fish/vendor_completions.d/basyn.fish',
        'lib/systemd/system/basyn@.service',
        'lib/systemd/system/basyn@.timer',
      ]) {
        expect({ path, exists: existsSync(join(system.path, 'usr', path)) }).toMatchObject({
          exists: true,
        });
      }
      expect(await system.run(`dpkg --verify ${name}`)).toBe('');

      await system.run(`dpkg --purge ${name}`);
      expect(await system.run(everyPath)).toBe(before);
    });
  });

  describe('of the executable', () => {
    const host = useHostRoot({ kind: 'debian', memory: 'mode=1777,size=200m' });

    test(
      'takes a machine without node to a synchronised device on another',
      { timeout: timeoutMs },
      async () => {
        const system = await freshDebian();
        const source = join(system.path, 'root/disk.img');
        writeImage(source, deviceBytes, { seed: 1 });
        const backing = join(scratchDirectory(), 'device');
        writeImage(backing, deviceBytes, { seed: 2 });
        const device = attachLoop(backing);
        onTestFinished(device.detach);
        await run('cp', ['--archive', device.path, join(host().path, 'dev')]);
        copyKeys(host().server, system.path);
        for (const path of [system.path, host().path]) await expectNoNode(path);
        const began = performance.now();

        const file = basename(packageFile('basyn-standalone'));
        copyFileSync(packageFile('basyn-standalone'), join(system.path, file));
        await system.run('apt-get update');
        await system.run(`apt-get install --yes --no-install-recommends /${file}`);
        const options = ['-l', '/root/disk.img', '-r', device.path, '-a', 'PUSH', '-m', 'SYNC', '--recheck'];
        const quoted = [...options, ...hostOptions(host().server)].map((option) => `'${option}'`);
        expect(await system.run(`basyn ${quoted.join(' ')} 2>&1`)).toBe('');

        console.log(`From the package to the device: ${((performance.now() - began) / 1000).toFixed(1)} s`);
        expect(filesEqual(source, device.path, deviceBytes)).toBe(true);
        expect(host().leftovers()).toEqual([]);
      },
    );
  });
});

const deviceBytes = 64 * 2 ** 20;

/** Without what is mounted. */
const everyPath = 'find / -xdev | sort';

const localSync = `cd /root
  head -c 3000000 /dev/urandom > a
  basyn -l a -r b -a PUSH -m COPY --create
  printf x | dd of=a seek=99 conv=notrunc status=none
  basyn -l a -r b -a PUSH -m SYNC --recheck
  cmp a b && rm a b && echo equal`;

async function shownManual(path: string): Promise<string> {
  const { stdout } = await run('mandoc', ['-T', 'ascii', '-O', 'width=78', join(path, manualPath)]);
  // A terminal shows a letter that is printed twice in bold.
  return stdout.replaceAll(/.[\b]/g, '');
}

const manualPath = 'usr/share/man/man1/basyn.1.gz';

async function expectNoNode(path: string): Promise<void> {
  expect(await runIn(path, 'command -v node nodejs basyn || echo none')).toBe('none\n');
}

/** The key and the known hosts of the client, at the same paths in the root. */
function copyKeys(server: SshServer, root: string): void {
  for (const option of server.sshOptions) {
    const [, path] = /^\w+=(\/.*)$/.exec(option) ?? [];
    if (path === undefined || !existsSync(path)) continue;
    mkdirSync(join(root, dirname(path)), { recursive: true });
    cpSync(path, join(root, path));
  }
}
