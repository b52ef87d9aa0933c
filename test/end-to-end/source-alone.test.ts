import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeRandom } from '../../rig/images/random.ts';
import { expectSilence, hostOptions, jsonLines, jsonPhases, useBasyn } from '../support/basyn.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const sizeBytes = 8 * 2 ** 20 - 512;

describe('a state file that is made from the source alone', () => {
  test.each(['here', 'over ssh'] as const)(
    'is used when its target has been filled in another way: POP %s',
    async (where) => {
      const shipment = ship();
      const host = where === 'here' ? [] : hostOptions(server());
      const record = ['-r', shipment.source, '-a', 'POP', '-m', 'SYNC', '-b', shipment.state, ...host];
      const made = await basyn.run([...record, '--json']);
      expect(made.exitCode).toBe(0);
      expect(jsonLines(made).at(-1)).toMatchObject({
        type: 'result',
        source: { side: 'remote', path: shipment.source, sizeBytes },
        stateFile: { knownBuffers: 4, bufferCount: 4 },
      });
      const sync = [...record, '-l', shipment.target, '--json'];
      // All of it is in the sample.
      expect(jsonPhases(await basyn.run(sync))).toMatchObject([
        { differingBytes: 0, targetReadBytes: sizeBytes },
      ]);
      expect(jsonPhases(await basyn.run(sync))).toMatchObject([{ differingBytes: 0, targetReadBytes: 0 }]);
    },
  );

  test('is discarded if the target is not what was shipped: PUSH over ssh', async () => {
    const shipment = ship();
    const record = ['-l', shipment.source, '-a', 'PUSH', '-m', 'SYNC', '-b', shipment.state];
    expectSilence(await basyn.run(record));
    const bytes = readFileSync(shipment.target);
    bytes.write('damaged', 5_000_000);
    writeFileSync(shipment.target, bytes);
    const sync = await basyn.run([...record, '-r', shipment.target, ...hostOptions(server())]);
    expect(sync).toMatchObject({ exitCode: 0, stdout: '' });
    expect(sync.stderr).toContain(
      'is wrong: 1 buffers of the target are not what it says. Everything is compared.',
    );
    expect(readFileSync(shipment.target).equals(readFileSync(shipment.source))).toBe(true);
  });
});

/** A source, and a copy of it that somebody has made. */
function ship(): Record<'source' | 'target' | 'state', string> {
  const directory = scratchDirectory();
  const [source, target, state] = ['source', 'target', 'state'].map((name) => join(directory, name));
  const bytes = Buffer.alloc(sizeBytes);
  makeRandom(1).fill(bytes);
  writeFileSync(source!, bytes);
  copyFileSync(source!, target!);
  return { source: source!, target: target!, state: state! };
}
