import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CommandResult } from '../../rig/processes/command.ts';
import { expectFailure, MiB, sideWord, useWorkshop, wirings } from '../support/fault-workshop.ts';
import { attachLoop, isRoot, makeFileSystem, mount, swapOn } from '../support/loop-device.ts';
import { filesEqual, sha256OfFile } from '../../rig/images/images.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const cases = wirings.map((wiring) => [`${wiring.action} ${wiring.over}`, wiring] as const);

describe.skipIf(!isRoot)('a target in use is not written to (needs root: mounts, swap)', () => {
  test.each(cases)('%s: a mounted device', async (name, wiring) => {
    const target = deviceWithFileSystem(`mounted ${name}`);
    const directory = workshop.path(`on ${name}`);
    const unmount = mount(target, directory);
    onTestFinished(unmount);
    writeFileSync(`${directory}/precious`, 'data');
    const { source } = workshop.pair(MiB);
    const result = await workshop.run(wiring, { source, target, sizeBytes: MiB }, [
      '--mode=COPY',
      '--verbose',
    ]);
    const sentence = expectFailure(result);
    expect(sentence).toContain(`${sideWord(wiring, 'target')}target ${target}`);
    expect(sentence).toContain(directory);
    unmount();
    const again = mount(target, directory);
    onTestFinished(again);
    expect(readFileSync(`${directory}/precious`, 'utf8')).toBe('data');
  });

  test.each(cases)('%s: a mounted device, except with --force, which warns once', async (name, wiring) => {
    const target = deviceWithFileSystem(`forced ${name}`);
    const directory = workshop.path(`below ${name}`);
    // Read-only, so that the kernel doesn't write to it as well.
    onTestFinished(mount(target, directory, 'ro'));
    const { source } = workshop.pair(MiB);
    const pair = { source, target, sizeBytes: MiB };
    const { exitCode, stderr } = await workshop.run(wiring, pair, ['--mode=COPY', '--force']);
    const what = `${sideWord(wiring, 'target')}target ${target} is mounted on ${directory}`;
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: `basyn: warning: ${what}, but writing to it is allowed.\n`,
    });
    expect(filesEqual(source, target, MiB)).toBe(true);
  });

  test('a device that is in use as swap', async ({ skip }) => {
    const file = workshop.path('swap');
    writeFileSync(file, Buffer.alloc(4 * MiB));
    const { path: target, detach } = attachLoop(file);
    onTestFinished(detach);
    let swapOff = (): void => undefined;
    try {
      swapOff = swapOn(target);
    } catch (error) {
      // A container may be allowed to mount, but not to swap.
      skip(`swapon is not allowed here: ${String(error)}`);
    }
    onTestFinished(() => swapOff());
    const before = sha256OfFile(target);
    const { source } = workshop.pair(MiB);
    for (const action of ['PUSH', 'POP'] as const) {
      const wiring = { action, over: action === 'PUSH' ? 'ssh' : 'here' } as const;
      const result = await workshop.run(wiring, { source, target, sizeBytes: MiB });
      expect(expectFailure(result)).toMatch(/swap/);
    }
    expect(sha256OfFile(target)).toBe(before);
  });
});

describe.skipIf(!isRoot)('containers on one kernel (needs root: mount namespaces)', () => {
  /** Runs node in a mount namespace with another boot ID, as LXC and systemd-nspawn do it. */
  const nodeWithOwnBootId = (): string => {
    const bootId = workshop.path('boot_id');
    writeFileSync(bootId, '11111111-2222-4333-8444-555555555555\n');
    const node = workshop.path('node-with-boot-id');
    const script = [
      '#!/bin/sh',
      `exec unshare --mount sh -c 'mount --bind ${bootId} /proc/sys/kernel/random/boot_id && exec "$@"' sh ${process.execPath} "$@"`,
    ];
    writeFileSync(node, `${script.join('\n')}\n`, { mode: 0o755 });
    return `--remote-node=${node}`;
  };

  test.each(['PUSH', 'POP'] as const)(
    '%s: the source itself is refused, with or without --force',
    async (action) => {
      const wiring = { action, over: 'ssh' } as const;
      const { source } = workshop.pair(MiB);
      const { path: device, detach } = attachLoop(source);
      onTestFinished(detach);
      for (const [from, to] of [
        [source, source],
        [device, source],
        [source, device],
        [device, device],
      ] as const) {
        const before = sha256OfFile(source);
        const pair = { source: from, target: to, sizeBytes: MiB };
        const result = await workshop.run(wiring, pair, ['--mode=COPY', '--force', nodeWithOwnBootId()]);
        expect(expectFailure(withoutWarnings(result))).toContain('is the same storage as the source');
        expect(sha256OfFile(source)).toBe(before);
      }
    },
  );

  test('other storage is copied', async () => {
    const { source, target, sizeBytes } = workshop.pair(MiB);
    const wiring = { action: 'PUSH', over: 'ssh' } as const;
    const more = ['--mode=COPY', nodeWithOwnBootId()];
    expect(await workshop.run(wiring, { source, target, sizeBytes }, more)).toMatchObject({ exitCode: 0 });
    expect(filesEqual(source, target, MiB)).toBe(true);
  });

  test('the source itself is also refused in a time namespace', async ({ skip }) => {
    const { source } = workshop.pair(MiB);
    const node = workshop.path('node-with-own-clock');
    const script = `exec unshare --time --monotonic 1000000 --fork ${process.execPath} "$@"`;
    writeFileSync(node, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const kernel = readdirSync('/proc/self/ns');
    if (!kernel.includes('time')) skip('this kernel has no time namespaces');
    const pair = { source, target: source, sizeBytes: MiB };
    const wiring = { action: 'PUSH', over: 'ssh' } as const;
    const result = await workshop.run(wiring, pair, ['--mode=COPY', '--force', `--remote-node=${node}`]);
    expect(expectFailure(withoutWarnings(result))).toContain('is the same storage as the source');
  });
});

describe.skipIf(!isRoot)('if the kernel cannot be queried (needs root: mount namespaces)', () => {
  const hidden = (...commands: string[]): readonly string[] => [
    'unshare',
    '--mount',
    'sh',
    '-c',
    `${commands.join(' && ')} && exec "$@"`,
    'sh',
  ];
  const wiring = { action: 'PUSH', over: 'here' } as const;

  test('without /proc, a target is refused, except with --force, which warns', async () => {
    const pair = workshop.pair(MiB);
    const prefix = hidden('umount --lazy /proc');
    const sentence = expectFailure(withoutWarnings(await workshop.run(wiring, pair, undefined, { prefix })));
    expect(sentence).toMatch(
      /may be in use, which can't be determined \(\/proc\/self\/mountinfo: .*\): mount \/proc/,
    );
    const forced = await workshop.run(wiring, pair, ['--mode=SYNC', '--force'], { prefix });
    expect(forced).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('may be in use') });
    expect(filesEqual(pair.source, pair.target, MiB)).toBe(true);
  });

  test('without /proc, the source itself is refused even with --force', async () => {
    const { source } = workshop.pair(MiB);
    const pair = { source, target: source, sizeBytes: MiB };
    const prefix = hidden('umount --lazy /proc');
    const result = await workshop.run(wiring, pair, ['--mode=COPY', '--force'], { prefix });
    expect(expectFailure(withoutWarnings(result))).toContain('is the same storage as the source');
  });

  test('without /sys, a file below a loop device is refused', async () => {
    const pair = workshop.pair(MiB);
    const { path, detach } = attachLoop(pair.target);
    onTestFinished(detach);
    const result = await workshop.run(wiring, pair, undefined, { prefix: hidden('umount --lazy /sys') });
    expect(expectFailure(withoutWarnings(result))).toContain(`is attached to the loop device ${path}`);
  });

  test('without /sys and losetup, a file that may be below a loop device is refused', async () => {
    const pair = workshop.pair(MiB);
    const { path, detach } = attachLoop(pair.source);
    onTestFinished(detach);
    const empty = workshop.path('empty');
    mkdirSync(empty, { recursive: true });
    const prefix = hidden('umount --lazy /sys', `mount --bind ${empty} /usr/sbin`);
    const result = await workshop.run(wiring, pair, undefined, { prefix });
    expect(expectFailure(withoutWarnings(result))).toMatch(
      /may be attached to the loop device \/dev\/loop\d+, which can't be determined \(losetup .* is not installed\)/,
    );
    expect(path).toMatch(/loop/);
  });

  test('without /dev/zero, a dry run cannot show a file that it would create', async () => {
    const { source, sizeBytes } = workshop.pair(MiB);
    const pair = { source, target: workshop.path('never'), sizeBytes };
    const prefix = hidden('mount -t tmpfs none /dev');
    const result = await workshop.run(wiring, pair, ['--mode=COPY', '--create', '--dry-run'], { prefix });
    expect(expectFailure(result)).toMatch(/would be created, but .* \/dev\/zero: .*\(ENOENT\)/);
  });

  test('with very few descriptors, every run ends with one sentence or with success', async () => {
    const pair = workshop.pair(MiB);
    for (let count = 19; count <= 25; count++) {
      const prefix = ['prlimit', `--nofile=${count}`];
      const result = await workshop.run(wiring, pair, ['--mode=SYNC'], { prefix });
      if (result.exitCode === 0) continue;
      expect(expectFailure(withoutWarnings(result)), String(count)).toMatch(/too many open files/);
      expect(result.stderr).not.toMatch(/Internal error/);
    }
  });
});

/** Removes warnings, which {@link expectFailure} does not examine. */
function withoutWarnings(result: CommandResult): CommandResult {
  const lines = result.stderr.split('\n').filter((line) => !line.startsWith('basyn: warning: '));
  return { ...result, stderr: lines.join('\n') };
}

/** A block device that is removed after the test. */
function deviceWithFileSystem(name: string): string {
  const file = workshop.path(name);
  writeFileSync(file, '');
  truncateSync(file, 8 * MiB);
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  makeFileSystem(path);
  return path;
}
