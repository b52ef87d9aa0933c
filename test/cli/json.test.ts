import { expect, it } from 'vitest';
import { jsonDebugReporter, jsonReporter } from '../../src/cli/json.ts';
import { Output } from '../../src/cli/output.ts';
import type { Reporter } from '../../src/cli/reporter.ts';
import { BasynError } from '../../src/errors.ts';
import type { RunEvent } from '../../src/session/report.ts';
import { FakeStream, report, source, syncPhase, target } from './fixtures.ts';

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

function printed(make: (output: Output) => Reporter, act: (reporter: Reporter) => void): string[] {
  const stdout = new FakeStream();
  const stderr = new FakeStream();
  act(make(new Output({ stdout, stderr })));
  expect(stderr.text).toBe('');
  return stdout.lines;
}

it('prints each event as it is, one a line, and the result last', () => {
  const lines = printed(jsonReporter, (reporter) => {
    [...events, ...hidden].forEach((event) => reporter.event?.(event));
    reporter.finished?.(report);
  });
  expect(lines.map((line) => JSON.parse(line))).toEqual([...events, { type: 'result', ...report }]);
  expect(lines.join('')).not.toContain('\u001b');
});

it('with --debug prints the remote side’s stderr, too', () => {
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
  const lines = printed(jsonReporter, (reporter) => reporter.failed?.(error));
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ type: 'error', ...expected }]);
});

it('prints both devices where there is no action', () => {
  const lines = printed(jsonReporter, (reporter) => reporter.found?.({ local: source, remote: target }));
  expect(lines.map((line) => JSON.parse(line))).toEqual([{ type: 'devices', local: source, remote: target }]);
});
