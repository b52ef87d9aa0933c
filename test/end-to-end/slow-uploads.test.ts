import { describe, expect, onTestFinished, test } from 'vitest';
import { startRelay } from '../../rig/relay/relay.ts';
import { jsonLines, useBasyn, type JsonLine } from '../support/basyn.ts';
import {
  expectSame,
  pairIn,
  sending,
  sentPrograms,
  uploadLimitMs,
  type HostPair,
  type SentProgram,
} from '../support/host-pairs.ts';
import { useHostRoot } from '../support/host-roots.ts';
import { casesOf } from '../support/lab-cases.ts';
import { isRoot } from '../support/loop-device.ts';

const basyn = useBasyn({ deadlineMs: uploadLimitMs });
const limit = { timeout: uploadLimitMs };
/** In a launcher, which takes seconds then. */
const paddingBytes = 3_000_000;

describe.skipIf(!isRoot)('a program that is sent slowly (needs root)', () => {
  const root = useHostRoot({ kind: 'busybox', memory: 'mode=1777,size=200m' });

  test.each(sentPrograms)('over 10 Mbit/s: %s', limit, async (sent) => {
    const relay = await startRelay({ targetPort: root().server.port, bandwidthMbit: 10 });
    onTestFinished(() => relay.stop());
    const { lines } = await send(sent, pairIn(root(), relay.port), []);
    expectProgress(lines, 1_250_000);
  });

  test.each(sentPrograms)('within --bwlimit: %s', limit, async (sent) => {
    const { lines } = await send(sent, pairIn(root()), ['--bwlimit=700K']);
    expectProgress(lines, 716_800);
  });

  // Over a long link, a run opens further lanes.
  test.each(casesOf(['node itself'] as const, () => false))('is sent once: %s', limit, async (sent) => {
    const relay = await startRelay({ targetPort: root().server.port, delayMs: 25, bandwidthMbit: 160 });
    onTestFinished(() => relay.stop());
    // Nothing of it is equal.
    const pair = pairIn(root(), relay.port, 48_000_000);
    const { lines, stderr } = await send(sent, pair, ['--compress=none', '--lanes=3', '--debug']);
    expect(stderr).toContain('A further lane (own connection) carries data.');
    expect(lines.filter(({ type }) => type === 'runtime-start')).toHaveLength(1);
    const { sentBytes } = lines.find(({ type }) => type === 'runtime-end')!;
    expect((await relay.counters()).bytesForward).toBeLessThan(Number(sentBytes) * 1.2);
  });

  /** All of node takes longer than --timeout on these links. */
  async function send(
    sent: SentProgram,
    pair: HostPair,
    options: readonly string[],
  ): Promise<{ readonly lines: readonly JsonLine[]; readonly stderr: string }> {
    const runtime = sending(sent, root().hiddenNode, paddingBytes);
    const words = [...pair.options, ...runtime, ...options, '--timeout=10', '--json'];
    const result = await basyn.run(words);
    expect(result).toMatchObject({ exitCode: 0 });
    expectSame(pair);
    return { lines: jsonLines(result), stderr: result.stderr };
  }
});

/** It is reported truly, for each part that the host has confirmed, and no faster than the link is. */
function expectProgress(lines: readonly JsonLine[], mostBytesPerSecond: number): void {
  const end = lines.find(({ type }) => type === 'runtime-end')!;
  const all = lines.filter(({ type }) => type === 'runtime-progress');
  expect(all.at(-1)).toMatchObject({ doneBytes: end.sizeBytes, sentBytes: end.sentBytes });
  for (const name of ['doneBytes', 'sentBytes', 'elapsedMs'] as const) {
    const values = all.map((each) => Number(each[name]));
    expect(values).toEqual([...values].sort((a, b) => a - b));
  }
  const seconds = Number(end.elapsedMs) / 1000;
  expect(all.length).toBeGreaterThanOrEqual(3);
  // The rate at first is higher, because buffers take it.
  expect((Number(end.sentBytes) - 1_000_000) / seconds).toBeLessThan(mostBytesPerSecond);
}
