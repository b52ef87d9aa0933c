import { describe, expect, test } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { debugReporter, deviceNames, noticeReporter } from '../../src/cli/text.ts';
import { JobsScreen } from '../../src/cli/jobs/screen.ts';
import { BasynError } from '../../src/errors.ts';
import { differingReport, FakeStream } from './output.fixture.ts';

function outputTo(journal: { stdout: boolean; stderr: boolean } | undefined) {
  const [stdout, stderr] = [new FakeStream(), new FakeStream()];
  return { stdout, stderr, output: new Output({ stdout, stderr, journal }) };
}

describe('lines to the journal', () => {
  test('begin with their level, and with the name of their job behind it', () => {
    const { stdout, stderr, output } = outputTo({ stdout: true, stderr: true });
    const screen = new JobsScreen(output).writerOf('mail');
    const notices = noticeReporter(screen, deviceNames('backup'));
    notices.event?.({ type: 'warning', message: 'The disk is old.' });
    notices.event?.({ type: 'remote-stderr', line: '<0>Debian' });
    notices.failed?.(new BasynError('device', 'It is broken.'));
    debugReporter(screen, () => 0).event?.({ type: 'debug', message: 'a frame' });
    screen.print('done');
    expect(stderr.lines).toEqual([
      '<4>mail: basyn: warning: The disk is old.',
      '<5>mail: remote: <0>Debian',
      '<3>mail: basyn: It is broken.',
      '<7>mail: 1970-01-01T00:00:00.000Z debug: a frame',
    ]);
    expect(stdout.lines).toEqual(['<6>mail: done']);
  });

  test('report differences as errors', () => {
    const { stderr, output } = outputTo({ stdout: false, stderr: true });
    noticeReporter(output, deviceNames(undefined)).finished?.(differingReport);
    expect(stderr.lines.every((line) => line.startsWith('<3>'))).toBe(true);
  });

  test('have no level where they lead elsewhere', () => {
    const { stdout, stderr, output } = outputTo({ stdout: false, stderr: true });
    output.print('{}');
    output.notice('one');
    expect({ stdout: stdout.lines, stderr: stderr.lines }).toEqual({ stdout: ['{}'], stderr: ['<5>one'] });
  });
});
