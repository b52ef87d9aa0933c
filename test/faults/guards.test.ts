import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectFailure, MiB, sideWord, useWorkshop, wirings } from '../support/fault-workshop.ts';
import { attachLoop, isRoot, makeFileSystem, mount, swapOn } from '../support/loop-device.ts';
import { filesEqual, sha256OfFile } from '../support/images.ts';
import { useSshServer } from '../support/ssh/fixture.ts';

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

  test.each(cases)('%s: a mounted device, but with --force, which warns once', async (name, wiring) => {
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
      stderr: `basyn: warning: ${what}, and --force allows writing to it.\n`,
    });
    expect(filesEqual(source, target, MiB)).toBe(true);
  });

  test('a device that is swapped on', async ({ skip }) => {
    const file = workshop.path('swap');
    writeFileSync(file, Buffer.alloc(4 * MiB));
    const { path: target, detach } = attachLoop(file);
    onTestFinished(detach);
    let swapOff = (): void => undefined;
    try {
      swapOff = swapOn(target);
    } catch (error) {
      // A container may mount, and yet not swap.
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

/** A block device that is gone after the test. */
function deviceWithFileSystem(name: string): string {
  const file = workshop.path(name);
  writeFileSync(file, '');
  truncateSync(file, 8 * MiB);
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  makeFileSystem(path);
  return path;
}
