import { describe, expect, test } from 'vitest';
import { filesEqual } from '../../rig/images/images.ts';
import { jsonLines } from '../support/basyn.ts';
import { guardPair, MiB, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const retrying = ['--retries=3', '--retry-wait=1', '--compress=none', '--json'];

describe('a link that is cut once', () => {
  test.each([
    ['PUSH', 'SYNC'],
    ['POP', 'COPY'],
  ] as const)('does not end a %s in mode %s with retries', async (action, mode) => {
    const wiring: Wiring = { action, over: 'ssh' };
    const pair = workshop.pair(4 * MiB);
    const check = guardPair(pair);
    const relay = await workshop.relay({ passingFaults: [{ kind: 'reset', afterBytes: 2_000_000 }] });
    const options = [`--mode=${mode}`, '--recheck', ...retrying];
    const result = await workshop.run(wiring, pair, options, { port: relay.port });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
    expect(jsonLines(result).filter(({ type }) => type === 'attempt')).toEqual([
      expect.objectContaining({ attempt: 2, waitMs: 1000 }),
    ]);
    check();
  });
});

test('an agent whose link carries nothing more is ended by the next attempt, which needs its device', async () => {
  const pair = workshop.pair(4 * MiB);
  const relay = await workshop.relay({ passingFaults: [{ kind: 'silence', afterBytes: 2_000_000 }] });
  // Only the ssh here notices the silence soon. The agent would wait for two minutes.
  const alive = ['--ssh-option=ServerAliveInterval=1', '--ssh-option=ServerAliveCountMax=2', '--timeout=120'];
  const options = ['--mode=COPY', ...retrying, ...alive];
  const result = await workshop.run({ action: 'PUSH', over: 'ssh' }, pair, options, { port: relay.port });
  expect(result).toMatchObject({ exitCode: 0 });
  expect(result.wallMs).toBeLessThan(25_000);
  expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
});
