import { describe, test } from 'vitest';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions, diskKinds, expectSynchronised, makeDisk, makePair } from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { someWays, ways } from '../support/ways.ts';

const server = useSshServer();
const basyn = useBasyn();

describe.each(diskKinds)('a $kind of odd size (loop devices need root)', ({ kind, isUsable }) => {
  test.skipIf(!isUsable).each(kind === 'file' ? ways : someWays)(
    '$action $mode $where makes the larger target equal, keeps its tail, and prints nothing',
    async ({ where, action, mode }) => {
      const pair = makePair({ kind });
      const host = where === 'here' ? [] : hostOptions(server());
      const args = [...deviceOptions(action, pair), `--action=${action}`, `--mode=${mode}`, ...host];
      expectSilence(await basyn.run(args));
      expectSynchronised(pair);
      // They are equal now, and remain equal.
      expectSilence(await basyn.run([...args, '--recheck']));
      expectSynchronised(pair);
    },
  );
});

test.skipIf(!isRoot)(
  'a file can be copied to a loop device, and a loop device to a file (needs root)',
  async () => {
    const sizes = { sizeBytes: 512 * 3001, tailBytes: 512, changes: [{ at: 5000, lengthBytes: 200_000 }] };
    for (const action of ['PUSH', 'POP'] as const) {
      for (const [sourceKind, targetKind] of [
        ['file', 'loop device'],
        ['loop device', 'file'],
      ] as const) {
        const pair = makePair(sizes);
        const mixed = {
          ...pair,
          source: makeDisk(sourceKind, pair.sourceBytes),
          target: makeDisk(targetKind, pair.targetBytes),
        };
        const args = [...deviceOptions(action, mixed), '-a', action, '-m', 'sync', ...hostOptions(server())];
        expectSilence(await basyn.run(args));
        expectSynchronised(mixed);
      }
    }
  },
);
