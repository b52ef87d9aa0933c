/** Only for the laboratory: it takes minutes, and needs debootstrap and the Debian package archive. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { filesEqual, writeImage } from '../rig/images/images.ts';
import { runInBootedSystem } from './support/booted-system.ts';
import { freshDebian } from './support/fresh-debian.ts';
import { attachLoop, isRoot } from './support/loop-device.ts';
import { isOnPath } from './support/on-path.ts';
import { scratchDirectory } from './support/scratch.ts';

const run = promisify(execFile);
const project = resolve(import.meta.dirname, '..');
const timeoutMs = 600_000;
const deviceBytes = 64 * 2 ** 20;

test.skipIf(!isRoot || !isOnPath('systemd-nspawn'))(
  'runs its jobs in a booted system, within the restrictions of its service (needs root and systemd-nspawn)',
  { timeout: timeoutMs },
  async () => {
    const system = await freshDebian();
    const file = await placePackage(system.path);
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
    expect(output).toMatch(/^6 near +\d.*succeeded$/m);
    expect(readFileSync(join(system.path, metrics), 'utf8')).toContain('name="device",kind="transfer"} 1');
    // A stop leaves time for the command after a job.
    expect(output).toContain('stopped: exit-code 2');
    expect(readFileSync(join(system.path, 'srv/log'), 'utf8')).toBe(
      'after near succeeded\nafter slow failed\n',
    );
    expect(output).toMatch(/basyn@night\.timer +basyn@night\.service/);
  },
);

/** Builds the package of the script. Resolves with the name of its file in the root. */
async function placePackage(path: string): Promise<string> {
  const tsx = join(project, 'node_modules/.bin/tsx');
  const env = { ...process.env, TMPDIR: scratchDirectory(), BASYN_RELEASE_DIRECTORY: path };
  await run(tsx, ['scripts/build-deb.ts'], { cwd: project, env });
  return readdirSync(path).find((name) => name.endsWith('.deb'))!;
}

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
  journalctl -t basyn -o json --output-fields=PRIORITY,MESSAGE | sed 's/.*"PRIORITY":"\\(.\\)".*"MESSAGE":"\\([^"]*\\)".*/\\1 \\2/; s/.*"MESSAGE":"\\([^"]*\\)".*"PRIORITY":"\\(.\\)".*/\\2 \\1/'
  systemctl --no-block start basyn@slow
  sleep 5
  systemctl stop basyn@slow
  ended stopped slow
  systemctl enable --now basyn@night.timer
  systemctl list-timers basyn@night.timer`;
