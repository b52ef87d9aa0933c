import { describe, expect, test } from 'vitest';
import { totalBytes } from '../../src/digest/extent.ts';
import { hashNames } from '../../src/digest/hash-names.ts';
import { expectSilence, hostOptions, jsonPhases, useBasyn } from '../support/basyn.ts';
import { deviceOptions, expectSynchronised, makePair } from '../support/disks.ts';
import { casesOf } from '../support/lab-cases.ts';
import { differingChunks } from '../support/naive.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const KiB = 1024;

// In a session in memory, every hash is tested with many devices.
const chosenHashes = casesOf(hashNames, (hash) => hash === 'BLAKE2B');

test.each(chosenHashes)('%s finds what differs over ssh', async (hash) => {
  const pair = makePair({ sizeBytes: 1_000_003, changes: [{ at: 500_000, lengthBytes: 3 }] });
  const args = [...deviceOptions('PUSH', pair), '--action=PUSH', '--mode=SYNC', ...hostOptions(server())];
  expectSilence(await basyn.run([...args, `--hash=${hash.toLowerCase()}`, '--recheck']));
  expectSynchronised(pair);
});

describe.each(['here', 'over ssh'] as const)('%s', (where) => {
  /** In kilobytes, as on the command line. */
  interface Sizes {
    readonly buffer: number;
    readonly chunk: number;
    readonly sizeBytes?: number;
  }

  test.each<Sizes>([
    { buffer: 2048, chunk: 64 },
    { buffer: 2048, chunk: 2048 },
    { buffer: 8192, chunk: 1 },
    { buffer: 100, chunk: 7 },
    { buffer: 1000, chunk: 333 },
    { buffer: 64, chunk: 64, sizeBytes: 65_537 },
    { buffer: 1, chunk: 1, sizeBytes: 50_017 },
  ])(
    'with a buffer of $buffer KB and a chunk of $chunk KB, exactly the chunks that differ are transferred',
    async ({ buffer, chunk, sizeBytes }) => {
      const pair = makePair(
        sizeBytes === undefined ? {} : { sizeBytes, changes: [{ at: 20_000, lengthBytes: 3000 }] },
      );
      const host = where === 'here' ? [] : hostOptions(server());
      const sizes = [`--buffer=${buffer}`, `--chunk=${chunk}`];
      const args = [...deviceOptions('PUSH', pair), '-a', 'push', '-m', 'sync', ...host, ...sizes, '--json'];
      const [phase] = jsonPhases(await basyn.run(args));
      expectSynchronised(pair);
      const expected = differingChunks(pair.sourceBytes, pair.targetBytes, buffer * KiB, chunk * KiB);
      expect(phase).toMatchObject({
        phase: 'sync',
        sizeBytes: pair.sourceBytes.length,
        differingBytes: totalBytes(expected),
        differingRanges: expected,
        differingRangeCount: expected.length,
        writtenBytes: totalBytes(expected),
      });
    },
  );

  test('without a chunk, no more than a page or a block around each difference is transferred', async () => {
    const pair = makePair({ changes: [{ at: 1_000_000, lengthBytes: 1 }] });
    const host = where === 'here' ? [] : hostOptions(server());
    const args = [...deviceOptions('PUSH', pair), '-a', 'push', '-m', 'sync', ...host, '--json'];
    const [phase] = jsonPhases(await basyn.run(args));
    expectSynchronised(pair);
    expect(phase!.writtenBytes).toBeGreaterThanOrEqual(4 * KiB);
    expect(phase!.writtenBytes).toBeLessThanOrEqual(64 * KiB);
  });
});
