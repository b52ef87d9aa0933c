import { expect, it } from 'vitest';
import { jsonDebugReporter, jsonReporter } from '../../src/cli/json.ts';
import type { Task } from '../../src/options/task.ts';
import { Output } from '../../src/cli/output.ts';
import type { Reporter } from '../../src/cli/reporter.ts';
import { BasynError } from '../../src/errors.ts';
import type { RunEvent } from '../../src/report.ts';
import { FakeStream, report, source, syncPhase, target } from './output.fixture.ts';

const events: readonly RunEvent[] = [
  { type: 'start', source, target },
  { type: 'phase-start', phase: 'sync', sizeBytes: 10 },
  {
    type: 'progress',
    phase: 'sync',
    doneBytes: 5,
    sizeBytes: 10,
    traffic: { receivedBytes: 1, transmittedBytes: 2 },
    elapsedMs: 3,
  },
  { type: 'warning', message: 'a \u001b[31mred\nwarning' },
  { type: 'flushing', side: 'remote', phase: 'sync' },
  { type: 'phase-end', ...syncPhase },
];
const hidden: readonly RunEvent[] = [
  { type: 'remote-stderr', line: 'Permission denied' },
  { type: 'debug', message: 'a frame' },
];

const reporterOfRun = (output: Output): Reporter =>
  jsonReporter(output, () => Date.UTC(2025, 0, 2, 3, 4, 5), '1.2.3');

function printed(make: (output: Output) => Reporter, act: (reporter: Reporter) => void): string[] {
  const stdout = new FakeStream();
  const stderr = new FakeStream();
  act(make(new Output({ stdout, stderr })));
  expect(stderr.text).toBe('');
  return stdout.lines;
}

it('prints each event unchanged, one per line, and the result last', () => {
  const lines = printed(reporterOfRun, (reporter) => {
    [...events, ...hidden].forEach((event) => reporter.event?.(event));
    reporter.finished?.(report);
  });
  const [start, ...others] = lines.map((line) => JSON.parse(line));
  expect(start).toMatchObject(events[0]!);
  expect(others).toEqual([...events.slice(1), { type: 'result', ...report }]);
  expect(lines.join('')).not.toContain('\u001b');
});

it.each<[string, Task, object]>([
  [
    'a transfer',
    { kind: 'sync', options: { local: '/a', remote: '/b', host: 'me@backup', action: 'pop', mode: 'copy' } },
    { host: 'me@backup', action: 'pop', mode: 'copy' },
  ],
  [
    'a recheck on one machine',
    { kind: 'recheck', options: { local: '/a', remote: '/b' } },
    { host: null, action: null, mode: null },
  ],
])('states in the first line the time, version and options with which %s started', (_what, task, order) => {
  const [line = ''] = printed(reporterOfRun, (reporter) => {
    reporter.started?.(task);
    reporter.event?.({ type: 'start', source, target });
  });
  expect(JSON.parse(line)).toEqual({
    type: 'start',
    time: '2025-01-02T03:04:05.000Z',
    version: '1.2.3',
    ...order,
    source,
    target,
  });
});

it('with --debug also prints the stderr of the remote host', () => {
  const lines = printed(jsonDebugReporter, (reporter) =>
    [...events, ...hidden].forEach((event) => reporter.event?.(event)),
  );
  expect(lines.map((line) => JSON.parse(line))).toEqual([hidden[0]]);
});

it.each([
  [
    new BasynError('device', 'It can’t be read.', { side: 'remote', device: '/dev/sdb', offsetBytes: 512 }),
    {
      code: 'device',
      message: 'It can’t be read.',
      side: 'remote',
      device: '/dev/sdb',
      offsetBytes: 512,
      exitCode: 2,
    },
  ],
  [new BasynError('usage', 'Wrong.'), { code: 'usage', message: 'Wrong.', exitCode: 1 }],
])('prints an error with its place and exit code', (error, expected) => {
  const lines = printed(reporterOfRun, (reporter) => reporter.failed?.(error));
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ type: 'error', ...expected }]);
});

it('prints both devices without an action', () => {
  const lines = printed(reporterOfRun, (reporter) => reporter.found?.({ local: source, remote: target }));
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ type: 'devices', local: source, remote: target }]);
});
