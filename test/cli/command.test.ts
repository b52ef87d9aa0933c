import { describe, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/command.ts';
import type { Environment, Library } from '../../src/cli/environment.ts';
import { BasynError } from '../../src/errors.ts';
import { GivenUp } from '../../src/cli/signals.ts';
import type { SyncOptions } from '../../src/options/types.ts';
import type { PhaseName, RunEvent } from '../../src/report.ts';
import {
  copyPhase,
  differingReport,
  FakeStream,
  GiB,
  libraryWith,
  report,
  source,
  syncPhase,
  target,
} from './output.fixture.ts';

const both = ['-l', '/dev/sda1', '-r', '/images/sda1'];
const push = [...both, '-a', 'PUSH', '-m', 'SYNC'];
const endless = new Promise<never>(() => undefined);

async function run(
  argv: readonly string[],
  functions: Partial<Library> = {},
  environment: Partial<Environment> = {},
) {
  const stdout = new FakeStream();
  const stderr = new FakeStream();
  const exitCode = await runCommand(argv, {
    library: libraryWith(functions),
    serve: () => endless,
    version: '1.2.3',
    now: () => Date.UTC(2025, 0, 2, 3, 4, 5),
    interruption: new AbortController().signal,
    onProgressRequest: () => undefined,
    crash: endless,
    uncaught: endless,
    stdout,
    stderr,
    ...environment,
  });
  return { exitCode, stdout: stdout.lines, stderr: stderr.lines };
}

/** A run that sends the events of a real one. */
const sync = async ({ onEvent }: SyncOptions): Promise<typeof report> => {
  const traffic = { receivedBytes: 1, transmittedBytes: 2 };
  onEvent?.({ type: 'start', source, target });
  onEvent?.({ type: 'phase-start', phase: 'sync', sizeBytes: 4 * GiB });
  onEvent?.({
    type: 'progress',
    phase: 'sync',
    doneBytes: GiB,
    sizeBytes: 4 * GiB,
    traffic,
    elapsedMs: 2000,
  });
  onEvent?.({ type: 'debug', message: 'a frame' });
  onEvent?.({ type: 'phase-end', ...syncPhase });
  return report;
};

describe('a run', () => {
  it('that succeeds prints nothing, and exits with 0', async () => {
    expect(await run(push, { sync })).toEqual({ exitCode: 0, stdout: [], stderr: [] });
  });

  it('hands the options to the library', async () => {
    let received: unknown;
    await run([...push, '--zlevel=3'], {
      sync: async (options) => {
        received = options;
        return report;
      },
    });
    expect(received).toMatchObject({
      local: '/dev/sda1',
      remote: '/images/sda1',
      action: 'push',
      mode: 'sync',
      zlevel: 3,
    });
  });

  it('prints the output of each flag to the stream that the specification names', async () => {
    const stat = await run([...push, '--stat'], { sync });
    expect(stat.stdout[0]).toBe('Device size: 4294967296 bytes (4.0 GiB)');
    expect(stat.stderr).toEqual([]);
    const verbose = await run([...push, '--verbose'], { sync });
    expect(verbose.stdout[0]).toMatch(/^2025-01-02T03:04:05Z start: /);
    expect(verbose.stderr).toEqual([]);
    const progress = await run([...push, '--progress'], { sync });
    expect(progress.stdout).toEqual([]);
    expect(progress.stderr).toHaveLength(1);
    const debug = await run([...push, '--debug'], { sync });
    expect(debug.stdout).toEqual([]);
    expect(debug.stderr).toEqual(['2025-01-02T03:04:05.000Z debug: a frame']);
  });

  it('with --json prints only JSON to stdout, even with other flags', async () => {
    const { exitCode, stdout, stderr } = await run([...push, '--json', '--stat', '--verbose', '--progress'], {
      sync,
    });
    expect(exitCode).toBe(0);
    expect(stdout.map((line) => JSON.parse(line).type)).toEqual([
      'start',
      'phase-start',
      'progress',
      'phase-end',
      'result',
    ]);
    expect(stderr).toHaveLength(1);
  });

  it('that only rechecks exits with 2 if the devices differ, and reports where', async () => {
    const { exitCode, stdout, stderr } = await run([...both, '--recheck'], {
      recheck: async () => differingReport,
    });
    expect(exitCode).toBe(2);
    expect(stdout).toEqual([]);
    expect(stderr[0]).toMatch(/^basyn: The devices differ: 12288 bytes/);
    const equal = await run([...both, '--recheck'], { recheck: async () => report });
    expect(equal).toEqual({ exitCode: 0, stdout: [], stderr: [] });
  });

  it('without an action inspects both devices', async () => {
    const inspect = async () => ({ local: source, remote: target });
    const text = await run(both, { inspect });
    expect(text).toMatchObject({ exitCode: 0, stderr: [] });
    expect(text.stdout).toHaveLength(2);
    const json = await run([...both, '--json'], { inspect });
    expect(json.stdout.map((line) => JSON.parse(line))).toEqual([
      { type: 'devices', local: source, remote: target },
    ]);
  });
});

describe('a failure', () => {
  const failing = (error: unknown): Partial<Library> => ({
    sync: async () => {
      throw error;
    },
  });

  it.each([
    [new BasynError('device', 'remote /x: no such device.'), 2, 'basyn: remote /x: no such device.'],
    [new BasynError('usage', 'These don’t go together.'), 1, 'basyn: These don’t go together.'],
    [new TypeError('undefined is no function'), 2, 'basyn: Internal error: undefined is no function'],
    ['a string', 2, 'basyn: Internal error: a string'],
  ])('is one sentence: %s', async (error, exitCode, sentence) => {
    expect(await run(push, failing(error))).toEqual({ exitCode, stdout: [], stderr: [sentence] });
  });

  it('has a stack only with --debug', async () => {
    const { stderr } = await run([...push, '--debug'], failing(new TypeError('undefined is no function')));
    expect(stderr[0]).toBe('basyn: Internal error: undefined is no function');
    expect(stderr.filter((line) => /^ +at .*command\.test\.ts/.test(line)).length).toBeGreaterThan(0);
  });

  it('that is uncaught ends the run in the same way', async () => {
    const crash = Promise.reject(new Error('lost'));
    const { exitCode, stdout, stderr } = await run([...push, '--json'], { sync: () => endless }, { crash });
    expect(exitCode).toBe(2);
    expect(stderr).toEqual(['basyn: Internal error: lost']);
    expect(JSON.parse(stdout[0] ?? '')).toEqual({
      type: 'error',
      code: 'internal',
      message: 'Internal error: lost',
      exitCode: 2,
    });
  });
});

describe('a run that fails after it has begun to write', () => {
  const advice = ' The target may be incomplete: run it again with --mode=SYNC to repair it.';
  const failingAfter =
    (events: readonly RunEvent[]): Library['sync'] =>
    async ({ onEvent }) => {
      events.forEach((event) => onEvent?.(event));
      throw new BasynError('connection', 'The link broke.', { side: 'remote' });
    };
  const starts = (phase: PhaseName): RunEvent => ({ type: 'phase-start', phase, sizeBytes: 10 });
  const copyEnds: RunEvent = { type: 'phase-end', ...copyPhase };

  it.each([
    ['during the copy', push, [starts('copy')], advice],
    ['during the sync', push, [starts('sync')], advice],
    ['before', push, [], ''],
    ['when all is written', push, [starts('copy'), copyEnds], ''],
    ['during the recheck', push, [starts('copy'), copyEnds, starts('recheck')], ''],
    ['in a dry run', [...push, '--dry-run'], [starts('sync')], ''],
  ])('states what to do next: %s', async (_when, argv, events, expected) => {
    const { stderr, stdout } = await run([...argv, '--json'], { sync: failingAfter(events) });
    expect(stderr).toEqual([`basyn: The link broke.${expected}`]);
    expect(JSON.parse(stdout.at(-1)!)).toMatchObject({
      code: 'connection',
      side: 'remote',
      message: `The link broke.${expected}`,
    });
  });

  it('states how much a second run reads, and how a run continues by itself, if the link has failed', async () => {
    const sync: Library['sync'] = async ({ onEvent }) => {
      onEvent?.(starts('copy'));
      throw new BasynError('connection', 'The link broke.', { retryable: true });
    };
    const { stderr } = await run(push, { sync });
    expect(stderr).toEqual([
      `basyn: The link broke.${advice} It reads 10 bytes on each side, and sends what still differs. ` +
        'With --retries, a run continues by itself after such a failure.',
    ]);
  });

  it('prints the advice after the remedy for the failure itself', async () => {
    const sync: Library['sync'] = async ({ onEvent }) => {
      onEvent?.(starts('copy'));
      throw new BasynError('connection', 'The link is silent.', { remedy: 'longer-timeout' });
    };
    const message = `The link is silent. If the host or the link is only slow, raise --timeout.${advice}`;
    const { stderr, stdout } = await run([...push, '--json'], { sync });
    expect(stderr).toEqual([`basyn: ${message}`]);
    expect(JSON.parse(stdout.at(-1)!)).toMatchObject({ message, remedy: 'longer-timeout' });
  });
});

describe('a wrong command line', () => {
  it('is reported on stderr, exits with 1, and calls nothing', async () => {
    expect(await run(['--lokal=/a'])).toEqual({
      exitCode: 1,
      stdout: [],
      stderr: ['basyn: Unknown option --lokal: did you mean --local?'],
    });
  });

  it('is also reported as JSON if --json is given', async () => {
    const { exitCode, stdout } = await run(['--json', '--nonsense']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout[0] ?? '')).toMatchObject({ type: 'error', code: 'usage', exitCode: 1 });
  });

  it('without arguments prints the short usage', async () => {
    const { exitCode, stdout, stderr } = await run([]);
    expect(exitCode).toBe(1);
    expect(stdout).toEqual([]);
    expect(stderr[0]).toMatch(/^Usage: basyn --local=PATH --remote=PATH/);
  });
});

it('--help and --version answer on stdout', async () => {
  const help = await run(['--help']);
  expect(help).toMatchObject({ exitCode: 0, stderr: [] });
  expect(help.stdout.join('\n')).toContain('Usage: basyn');
  expect(await run(['--version'])).toEqual({ exitCode: 0, stdout: ['basyn 1.2.3'], stderr: [] });
});

describe('an interruption', () => {
  /** Runs until its signal is aborted, then fails as a run does whose ssh got the same Ctrl-C. */
  function interruptedAfter(
    events: (options: SyncOptions) => void,
    controller: AbortController,
  ): Library['sync'] {
    return (options) =>
      new Promise((_resolve, reject) => {
        options.signal?.addEventListener('abort', () =>
          reject(new BasynError('connection', 'ssh went away.')),
        );
        events(options);
        controller.abort(new BasynError('aborted', 'Stopped by SIGTERM'));
      });
  }

  it.each([
    ['before anything', () => undefined, 'Stopped by SIGTERM before anything was compared or written.'],
    [
      'in a phase',
      ({ onEvent }: SyncOptions) => {
        const traffic = { receivedBytes: 1, transmittedBytes: 2 };
        onEvent?.({
          type: 'progress',
          phase: 'sync',
          doneBytes: GiB,
          sizeBytes: 4 * GiB,
          traffic,
          elapsedMs: 1,
        });
      },
      'Stopped by SIGTERM during sync at 1073741824 of 4294967296 bytes (25%).',
    ],
    [
      'between two phases',
      ({ onEvent }: SyncOptions) => onEvent?.({ type: 'phase-end', ...syncPhase }),
      'Stopped by SIGTERM during sync at 4294967296 of 4294967296 bytes (100%).',
    ],
  ])('%s reports the progress of the run, and exits with 2', async (_when, events, sentence) => {
    const controller = new AbortController();
    const functions = { sync: interruptedAfter(events, controller) };
    const ended = await run([...push, '--json'], functions, { interruption: controller.signal });
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toEqual([`basyn: ${sentence}`]);
    expect(JSON.parse(ended.stdout.at(-1) ?? '')).toEqual({
      type: 'error',
      code: 'aborted',
      message: sentence,
      exitCode: 2,
    });
  });

  it('reports a run that hangs', async () => {
    const controller = new AbortController();
    const hanging: Library['sync'] = () => {
      controller.abort(new BasynError('aborted', 'Stopped by SIGTERM'));
      return endless;
    };
    const crash = Promise.reject(new GivenUp('late'));
    const environment = { interruption: controller.signal, crash };
    expect((await run(push, { sync: hanging }, environment)).stderr).toEqual([
      'basyn: Stopped by SIGTERM before anything was compared or written. ' +
        'A device or a process does not answer, and was left.',
    ]);
  });

  it('erases the progress line first', async () => {
    const controller = new AbortController();
    const stderr = new FakeStream({ isTTY: true });
    const functions = { sync: interruptedAfter((options) => void sync(options), controller) };
    await run([...push, '--progress'], functions, { interruption: controller.signal, stderr });
    expect(stderr.text).toMatch(/\nbasyn: Stopped by SIGTERM [^\r]*\n$/);
  });

  it('after the end of the run changes nothing', async () => {
    const controller = new AbortController();
    const late: Library['sync'] = async () => {
      controller.abort(new BasynError('aborted', 'Stopped by SIGINT'));
      return report;
    };
    expect(await run(push, { sync: late }, { interruption: controller.signal })).toMatchObject({
      exitCode: 0,
      stderr: [],
    });
  });
});

describe('a broken stdout', () => {
  it('that its reader has closed is not a failure', async () => {
    const stdout = new FakeStream();
    stdout.failWith('EPIPE');
    expect(await run([...push, '--stat'], { sync }, { stdout })).toMatchObject({ exitCode: 0, stderr: [] });
  });

  it('that is full is a failure', async () => {
    const stdout = new FakeStream();
    stdout.failWith('ENOSPC');
    const { exitCode, stderr } = await run([...push, '--stat'], { sync }, { stdout });
    expect(exitCode).toBe(2);
    expect(stderr).toEqual([
      "basyn: The output can't be written to the end: no space left on device (ENOSPC).",
    ]);
  });

  it('and a broken stderr do not change the exit code', async () => {
    const stderr = new FakeStream();
    stderr.failWith('EIO');
    expect(await run(['--nonsense'], {}, { stderr })).toMatchObject({ exitCode: 1 });
  });
});

it('opens neither stdout nor stderr if there is nothing to write', async () => {
  const unopened = {
    get stdout(): FakeStream {
      return expect.fail('stdout was opened');
    },
    get stderr(): FakeStream {
      return expect.fail('stderr was opened');
    },
  };
  const exitCode = await runCommand(
    push,
    Object.defineProperties(
      {
        library: libraryWith({ sync }),
        serve: () => endless,
        version: '',
        now: () => 0,
        interruption: new AbortController().signal,
        onProgressRequest: () => undefined,
        crash: endless,
        uncaught: endless,
      },
      Object.getOwnPropertyDescriptors(unopened),
    ) as Partial<Environment> as Environment,
  );
  expect(exitCode).toBe(0);
});
