import { describe, expect, test } from 'vitest';
import { runCommand } from '../../src/cli/command.ts';
import { parseCommand } from '../../src/cli/options.ts';
import type { RecordReport } from '../../src/report.ts';
import { FakeStream, libraryWith, report, source, syncPhase, usageMessage } from './output.fixture.ts';

const push = ['-l', '/dev/sda1', '-a', 'PUSH', '-m', 'SYNC', '-b', 'a.bitmap'];
const pop = ['-r', '/dev/sda1', '-a', 'POP', '-m', 'SYNC', '-b', 'a.bitmap'];

const recorded: RecordReport = {
  source,
  phases: [
    {
      ...syncPhase,
      phase: 'record',
      differingBytes: 0,
      writtenBytes: 0,
      sourceReadBytes: source.sizeBytes,
      targetReadBytes: 0,
      targetReads: 'none',
    },
  ],
  traffic: report.traffic,
  elapsedMs: 8000,
  stateFile: { path: 'a.bitmap', knownBuffers: 2048, bufferCount: 2048 },
};

describe('a command with a state file and without the path of the target', () => {
  test.each([
    [push, { local: '/dev/sda1', action: 'push', bitmap: 'a.bitmap' }],
    [[...pop, '-h', 'backup'], { remote: '/dev/sda1', action: 'pop', bitmap: 'a.bitmap', host: 'backup' }],
    [[...push, '--update-bitmap'], { local: '/dev/sda1', updateBitmap: true }],
  ])('makes the file from the source alone: %j', (argv, options) => {
    expect(parseCommand(argv)).toMatchObject({ kind: 'run', task: { kind: 'record', options } });
  });

  test.each([
    ['--create', '--create needs a target: name it with --remote.'],
    ['--dry-run', '--dry-run needs a target: name it with --remote.'],
    ['--recheck', '--recheck needs a target: name it with --remote.'],
    ['--trust-target', '--trust-target needs a target: name it with --remote.'],
    ['--skip-read-errors', '--skip-read-errors needs a target: '],
    ['--host=backup', '--host needs --remote, which names the target on the host.'],
  ])('refuses %s', (option, message) => {
    expect(usageMessage(() => parseCommand([...push, option]))).toContain(message);
  });

  test.each([[push.slice(0, -2)], [push.map((word) => (word === 'SYNC' ? 'COPY' : word))]])(
    'is the only one that may leave it out: %j',
    (argv) => {
      const message = usageMessage(() => parseCommand(argv));
      expect(message).toBe('--remote is missing: name the remote device with --remote=PATH.');
    },
  );

  test('reports what it has done', async () => {
    const text = await run([...push, '--stat', '--verbose']);
    expect(text).toContain('2025-01-02T03:04:05Z start: record /dev/sda1 in state file a.bitmap');
    expect(text).toContain(
      '2025-01-02T03:04:05Z end: state file a.bitmap describes 2048 buffers of /dev/sda1, all done in 8.0 s',
    );
    expect(text).toContain('Read:        Source:    4294967296 bytes (4.0 GiB)');
    expect(text).toContain('State file:  Known:     2048 of 2048 buffers');
    const json = await run([...push, '--json']);
    expect(JSON.parse(json.at(-1)!)).toEqual({ type: 'result', ...recorded });
    expect(await run(push)).toEqual([]);
  });
});

async function run(argv: readonly string[]): Promise<string[]> {
  const [stdout, stderr] = [new FakeStream(), new FakeStream()];
  const exitCode = await runCommand(argv, {
    library: libraryWith({ record: async () => recorded }),
    serve: () => new Promise<never>(() => undefined),
    version: '1.0.0',
    now: () => Date.UTC(2025, 0, 2, 3, 4, 5),
    interruption: new AbortController().signal,
    onProgressRequest: () => undefined,
    crash: new Promise(() => undefined),
    uncaught: new Promise(() => undefined),
    stdout,
    stderr,
  });
  expect(exitCode).toBe(0);
  expect(stderr.lines).toEqual([]);
  return stdout.lines;
}
