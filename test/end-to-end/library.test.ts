import { truncateSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type * as Library from '../../src/index.ts';
import { useBasyn } from '../support/basyn.ts';
import {
  expectSynchronised,
  expectUntouched,
  makeHollowDisk,
  makeHollowPair,
  makePair,
} from '../support/disks.ts';
import { useProcessCheck } from '../support/process-check.ts';
import { scratchFile } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
let library: typeof Library;
beforeAll(async () => {
  library = (await import(pathToFileURL(basyn.library).href)) as typeof Library;
});

const processes = useProcessCheck();

describe.each(['here', 'over ssh'] as const)('%s', (where) => {
  const endpoints = (): object => {
    if (where === 'here') return {};
    const { host, port, user, sshOptions } = server();
    return { host, port, user, sshOptions };
  };

  test('sync() makes the target equal, reports its progress, and returns a report', async () => {
    const pair = makePair();
    const events: Library.RunEvent[] = [];
    const report = await library.sync({
      local: pair.source,
      remote: pair.target,
      ...endpoints(),
      action: 'push',
      mode: 'sync',
      chunkBytes: 4096,
      recheck: true,
      onEvent: (event) => events.push(event),
    });
    expectSynchronised(pair);
    expect(report).toMatchObject({
      source: { side: 'local', path: pair.source },
      target: { side: 'remote', path: pair.target },
      phases: [{ phase: 'sync' }, { phase: 'recheck', differingBytes: 0 }],
      matches: true,
    });
    expect(report.phases[0]!.writtenBytes).toBeGreaterThan(700_000);
    const types = events
      .map(({ type }) => type)
      .filter((type) => !['progress', 'flushing', 'note', 'debug'].includes(type));
    expect(types).toEqual(['start', 'phase-start', 'phase-end', 'phase-start', 'phase-end']);
  });

  test('recheck() reports where the devices differ, and does not fail', async () => {
    const pair = makePair({ changes: [{ at: 100_000, lengthBytes: 1 }] });
    const options = { local: pair.source, remote: pair.target, ...endpoints(), chunkBytes: 1024 };
    const { matches, phases } = await library.recheck(options);
    expect(matches).toBe(false);
    expect(phases).toMatchObject([{ differingRanges: [{ offsetBytes: 99_328, lengthBytes: 1024 }] }]);
    expectUntouched(pair);
  });

  test('inspect() describes the devices', async () => {
    const pair = makePair();
    const devices = await library.inspect({ local: pair.source, remote: pair.target, ...endpoints() });
    expect(devices).toEqual({
      local: { side: 'local', path: pair.source, kind: 'regular file', sizeBytes: 3_000_017 },
      remote: { side: 'remote', path: pair.target, kind: 'regular file', sizeBytes: 3_070_018 },
    });
  });

  test('a failure is a BasynError with its code and place', async () => {
    const remote = '/no/such/device';
    const options = { local: makePair().source, remote, ...endpoints() };
    const error: unknown = await library
      .sync({ ...options, action: 'push', mode: 'copy' })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(library.BasynError);
    expect(error).toMatchObject({ code: 'device', side: 'remote', device: remote });
    expect(library.exitCodeOf(error as Library.BasynError)).toBe(2);
  });

  test('an AbortSignal ends a run, and nothing is left behind', async () => {
    const { source: local, target: remote } = makeHollowPair();
    const controller = new AbortController();
    const reason = new Error('the maintenance window is over');
    const run = library.sync({
      local,
      remote,
      ...endpoints(),
      action: 'push',
      mode: 'sync',
      signal: controller.signal,
      onEvent: ({ type }) => {
        if (type === 'progress') controller.abort(reason);
      },
    });
    const error: unknown = await run.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'aborted' });
    expect((error as Error).cause).toBe(reason);
    await processes.expectNothingLeft();
  });

  test('an AbortSignal that is already aborted prevents a run', async () => {
    const pair = makePair();
    const signal = AbortSignal.abort('not now');
    const options = { local: pair.source, remote: pair.target, ...endpoints(), signal };
    const runs = [
      library.sync({ ...options, action: 'push', mode: 'copy' }),
      library.recheck(options),
      library.inspect(options),
    ];
    for (const run of runs) await expect(run).rejects.toMatchObject({ code: 'aborted', cause: 'not now' });
    expectUntouched(pair);
  });

  test('two concurrent runs do not disturb each other', async () => {
    const pairs = [makePair({ seed: 1 }), makePair({ seed: 7 })];
    await Promise.all(
      pairs.map((pair) =>
        library.sync({
          local: pair.target,
          remote: pair.source,
          ...endpoints(),
          action: 'pop',
          mode: 'sync',
        }),
      ),
    );
    pairs.forEach(expectSynchronised);
  });
});

test.each([
  [{ local: '' }, /^local: /],
  [{ acton: 'push' }, /did you mean action/],
  [{ bufferBytes: 1 }, /bufferBytes/],
  [{ chunkBytes: 1024, bufferBytes: 1024.5 }, /bufferBytes/],
  [{ hash: 'sha1' as never }, /unknown name "sha1"/],
  [{ zlevel: 10 }, /zlevel/],
  [{ port: 22 }, /^port needs host/],
])('invalid options are refused before anything is opened: %j', async (wrong, words) => {
  const options = { local: '/no/a', remote: '/no/b', action: 'push', mode: 'sync', ...wrong } as const;
  const run = library.sync(options);
  await expect(run).rejects.toMatchObject({ code: 'usage', message: expect.stringMatching(words) });
});

test('an error is printed with its own name, and only with the fields of its place that are known', async () => {
  const error: unknown = await library.sync({} as never).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(library.BasynError);
  expect(Object.keys(error as object)).toEqual(['code']);
  const lines = inspect(error).split('\n');
  expect(lines[0]).toMatch(/^BasynError: local is missing: /);
  expect(
    lines
      .filter((line) => !/^ {4}at /.test(line))
      .slice(1)
      .join(''),
  ).toBe("  code: 'usage'}");
});

test('of two runs to the same target, the second is refused', async () => {
  const source = makeHollowDisk();
  const target = scratchFile(Buffer.alloc(1));
  truncateSync(target, 64 * 1024 ** 3);
  const options = { local: source, remote: target, action: 'push', mode: 'sync' } as const;
  const interruption = new AbortController();
  let isMoving = false;
  const first = library.sync({
    ...options,
    signal: interruption.signal,
    onEvent: ({ type }) => (isMoving ||= type === 'progress'),
  });
  await expect.poll(() => isMoving).toBe(true);
  const second = library.sync({ ...options, local: makePair().source });
  await expect(second).rejects.toMatchObject({
    code: 'refused',
    message: expect.stringContaining('locked'),
  });
  interruption.abort();
  await expect(first).rejects.toMatchObject({ code: 'aborted' });
});
