import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostOptions, jsonLines, useBasyn } from '../support/basyn.ts';
import { writeImage } from '../../rig/images/images.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;

test.each(['PUSH', 'POP'] as const)(
  'the progress of a SYNC in which everything differs is that of the link (%s)',
  async (action) => {
    const directory = scratchDirectory(memoryDirectory);
    const [local, remote] = [join(directory, 'local'), join(directory, 'remote')];
    const sizeBytes = 32 * MiB;
    // Two seconds for what may be in flight; eight for the rest.
    const mostInFlightBytes = 4 * MiB;
    for (const [seed, path] of [local, remote].entries()) {
      writeImage(path, sizeBytes, { seed, mix: { incompressible: 1, text: 0 } });
    }
    const order = [`--local=${local}`, `--remote=${remote}`, `--action=${action}`, '--mode=SYNC'];
    const options = ['--bwlimit=4M', '--zlevel=0', '--buffer=64K', '--json'];
    const result = await basyn.run([...order, ...hostOptions(server()), ...options]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const progress = jsonLines(result)
      .filter(({ type }) => type === 'progress')
      .map(({ doneBytes, traffic }) => {
        const { receivedBytes, transmittedBytes } = traffic as Record<string, number>;
        return { doneBytes: doneBytes as number, wireBytes: receivedBytes! + transmittedBytes! };
      });
    expect(progress.length).toBeGreaterThan(20);
    for (const { doneBytes, wireBytes } of progress) {
      expect(doneBytes).toBeLessThanOrEqual(wireBytes);
      expect(doneBytes).toBeGreaterThan(Math.min(sizeBytes, wireBytes) - mostInFlightBytes);
    }
    expect(progress.at(-1)!.doneBytes).toBe(sizeBytes);
  },
);
