import { statSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import type { Message } from '../../src/protocol/messages.ts';
import { serveAgentEnd } from '../../src/session/agent-end.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { channelPair } from '../support/channel-pair.ts';
import { lonelyAgent, makeReporter, plainOrder } from '../support/memory-session.ts';
import { scratchFile } from '../support/scratch.ts';

const content = Buffer.alloc(10_000, 'source');
const identity = {
  machine: { bootId: 'elsewhere', kernel: '', hardware: '', wallMs: 0, monotonicMs: 0 },
  regions: [],
  gaps: [],
};

test('an agent that does not know the field reads the source itself: the target is not touched', async () => {
  const path = scratchFile(Buffer.alloc(content.length));
  const modifiedMs = statSync(path).mtimeMs;
  const [local, agent] = channelPair();
  const reporter = makeReporter();
  onTestFinished(() => reporter.stop());
  const running = runLocalEnd({
    order: { ...plainOrder, localRole: 'target', localPath: path, remotePath: '/remote', snapshot: {} },
    channel: local,
    runner: new InlineRunner(perform),
    reporter,
    laneOpener: new LaneOpener(local, 0, () => Promise.reject(new Error('no lanes'))),
  });
  const outcome = running.then(
    () => expect.fail('it reported success'),
    (error: unknown) => BasynError.from(error),
  );
  expect(await agent.next()).toMatchObject({ type: 'open', role: 'source', snapshot: {} });
  const opened: Message = {
    type: 'opened',
    kind: 'block device',
    sizeBytes: content.length,
    identity,
    warnings: [],
    cachedBecause: null,
    lanes: null,
  };
  agent.send(opened);
  expect(await outcome).toMatchObject({
    code: 'protocol',
    message: 'The peer reads the source itself, and not a snapshot of it.',
  });
  expect(statSync(path).mtimeMs).toBe(modifiedMs);
});

test.each([
  ['a target', 'target' as const, /wants a snapshot of the target/],
  [
    'a file',
    'source' as const,
    /can't be read from a snapshot: (it is not a logical volume of LVM|only root)/,
  ],
])('an agent takes no snapshot of %s', async (_what, role, message) => {
  const [local, agent] = channelPair();
  const runner = new InlineRunner(perform);
  const serving = serveAgentEnd(agent, runner, lonelyAgent).then(
    () => expect.fail('it served the run'),
    (error: unknown) => BasynError.from(error),
  );
  local.send({
    type: 'open',
    protocol: 2,
    path: scratchFile(content),
    role,
    receiving: null,
    phases: ['sync'],
    lanes: false,
    peerTimeoutMs: 10_000,
    snapshot: {},
  });
  expect((await serving).message).toMatch(message);
});
