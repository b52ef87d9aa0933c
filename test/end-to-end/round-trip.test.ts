import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions } from '../support/disks.ts';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { startRelay } from '../../rig/relay/relay.ts';
import { memoryDirectory, scratchDirectory, scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;

/** 256 MiB of sparse data. */
function largeImage(): string {
  const path = scratchFile(mixedBytes(MiB, 1), 'disk.img', scratchDirectory(memoryDirectory));
  truncateSync(path, 256 * MiB);
  const fd = openSync(path, 'r+');
  for (let place = 1; place < 16; place++) writeSync(fd, mixedBytes(MiB, place), 0, MiB, place * 16 * MiB);
  closeSync(fd);
  return path;
}

test('with a round trip of 50 ms, comparing 256 MiB of equal data takes only a few round trips longer', async () => {
  const pair = { source: largeImage(), target: largeImage() };
  const elapsedMs = async (delayMs: number): Promise<number> => {
    const relay = await startRelay({ targetPort: server().port, delayMs });
    try {
      const args = [
        ...deviceOptions('PUSH', pair),
        '-a',
        'PUSH',
        '-m',
        'SYNC',
        ...hostOptions(server(), relay.port),
      ];
      const result = await basyn.run(args);
      expectSilence(result);
      return result.wallMs;
    } finally {
      await relay.stop();
    }
  };
  // Other load on the machine can only increase them.
  const nearMs = Math.min(await elapsedMs(0), await elapsedMs(0));
  const farMs = Math.min(await elapsedMs(25), await elapsedMs(25));
  // 128 buffers: one round trip for each would be 6.4 seconds.
  expect(farMs - nearMs).toBeLessThan(2500);
});
