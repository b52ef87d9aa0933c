/** Only for the laboratory: it takes minutes, and needs debootstrap and the Debian package archive. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { filesEqual, writeImage } from '../rig/images/images.ts';
import { hostOptions, type SshServer } from '../rig/ssh/index.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { runInBootedSystem } from './support/booted-system.ts';
import { makeRoot, useHostRoot } from './support/host-roots.ts';
import { attachLoop, isRoot } from './support/loop-device.ts';
import { isOnPath } from './support/on-path.ts';
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

  test.skipIf(!isOnPath('systemd-nspawn'))(
    'runs its jobs in a booted system, within the restrictions of its service (needs systemd-nspawn)',
    { timeout: timeoutMs },
    async () => {
      const system = await freshDebian();
      const file = basename(packageFile('basyn'));
      copyFileSync(packageFile('basyn'), join(system.path, file));
      writeFileSync(join(system.path, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
      const packages = 'systemd systemd-sysv iproute2 openssh-server prometheus-node-exporter';
      await system.run(`apt-get update; apt-get install --yes --no-install-recommends ${packages} /${file}`);
      const backing = join(scratchDirectory(), 'device');
      writeImage(backing, deviceBytes, { seed: 2 });
      const device = attachLoop(backing);
      onTestFinished(device.detach);
      writeImage(join(system.path, 'srv/disk.img'), deviceBytes, { seed: 1 });
      mkdirSync(join(system.path, 'etc/basyn'));
      writeFileSync(join(system.path, 'etc/basyn/night.toml'), nightlyJobs(device.path));
      const metrics = 'var/lib/prometheus/node-exporter/night.prom';
      writeFileSync(join(system.path, 'etc/default/basyn-night'), `BASYN_OPTIONS=--metrics=/${metrics}\n`);

      const output = runInBootedSystem(system.path, nightlyScript, [`--bind=${device.path}`]);

      expect(output).toContain('ended: exit-code 2');
      expect(filesEqual(join(system.path, 'srv/disk.img'), device.path, deviceBytes)).toBe(true);
      for (const name of ['near', 'ssh']) {
        const copy = join(system.path, 'srv', name);
        expect(filesEqual(join(system.path, 'srv/disk.img'), copy, deviceBytes)).toBe(true);
      }
      expect(output).toMatch(/^3 gone: basyn: source \/srv\/none does not exist\.$/m);
      expect(output).toMatch(/^6 near +64\.0 MiB.*succeeded$/m);
      expect(readFileSync(join(system.path, metrics), 'utf8')).toContain('name="device",kind="transfer"} 1');
      // A stop leaves time for the command after a job.
      expect(output).toContain('stopped: exit-code 2');
      expect(readFileSync(join(system.path, 'srv/log'), 'utf8')).toBe(
        'after near succeeded\nafter slow failed\n',
      );
      expect(output).toMatch(/basyn@night\.timer +basyn@night\.service/);
    },
  );

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

/** Local and remote targets, a command, and a source that is missing. The job `slow` is to be stopped. */
function nightlyJobs(device: string): string {
  const log = (name: string): string => `after = "sleep 1; echo after ${name} $BASYN_RESULT >> /srv/log"`;
  return `share-disks = true
    [defaults]
    action = "PUSH"
    mode = "SYNC"
    local = "/srv/disk.img"
    [jobs.near]
    remote = "/srv/near"
    create = true
    ${log('near')}
    [jobs.device]
    remote = "${device}"
    bitmap = "/var/lib/basyn/device.state"
    [jobs.ssh]
    remote = "/srv/ssh"
    create = true
    host = "127.0.0.1"
    [jobs.gone]
    local = "/srv/none"
    remote = "/srv/gone"
    [jobs.slow]
    remote = "/srv/slow"
    create = true
    read-limit = "1M"
    ${log('slow')}
`;
}

const nightlyScript = `mkdir -p /run/sshd /root/.ssh
  ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
  cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
  /usr/sbin/sshd -o PermitRootLogin=yes
  ssh -o StrictHostKeyChecking=accept-new 127.0.0.1 true
  ended() { echo "$1: $(systemctl show -P Result basyn@$2) $(systemctl show -P ExecMainStatus basyn@$2)"; }
  cd /etc/basyn
  sed '/jobs.slow/,$d' night.toml > both; { sed '/jobs.near/,$d' night.toml; sed -n '/jobs.slow/,$p' night.toml; } > slow.toml
  mv both night.toml
  systemctl start basyn@night
  ended ended night
  journalctl -u basyn@night -o json --output-fields=PRIORITY,MESSAGE | sed 's/.*"PRIORITY":"\\(.\\)".*"MESSAGE":"\\([^"]*\\)".*/\\1 \\2/; s/.*"MESSAGE":"\\([^"]*\\)".*"PRIORITY":"\\(.\\)".*/\\2 \\1/'
  systemctl --no-block start basyn@slow
  sleep 5
  systemctl stop basyn@slow
  ended stopped slow
  systemctl enable --now basyn@night.timer
  systemctl list-timers basyn@night.timer`;

const localSync = `cd /root
  head -c 3000000 /dev/urandom > a
  basyn -l a -r b -a PUSH -m COPY --create
  printf x | dd of=a seek=99 conv=notrunc status=none
  basyn -l a -r b -a PUSH -m SYNC --recheck
  cmp a b && rm a b && echo equal`;

/** Debian's smallest system, until the end of the test. */
async function freshDebian(): Promise<{ path: string; run(command: string): Promise<string> }> {
  const { path, remove } = await makeRoot({ kind: 'debian' });
  onTestFinished(remove);
  // The one of the cached system may be old.
  writeFileSync(join(path, 'etc/resolv.conf'), '');
  copyFileSync('/etc/resolv.conf', join(path, 'etc/resolv.conf'));
  return { path, run: (command) => runIn(path, command) };
}

async function runIn(path: string, command: string): Promise<string> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', DEBIAN_FRONTEND: 'noninteractive' };
  const { stdout } = await run('chroot', [path, 'sh', '-ec', command], { env, maxBuffer: 64 * 2 ** 20 });
  return stdout;
}

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
