import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { describeAttempt } from '../../src/cli/host-text.ts';
import type { Reporter } from '../../src/cli/reporter.ts';
import { describePhase } from '../../src/cli/phase-text.ts';
import {
  deviceNames,
  debugReporter,
  deviceReporter,
  differenceLines,
  unreadableLines,
  noticeReporter,
  verboseReporter,
} from '../../src/cli/text.ts';
import { BasynError } from '../../src/errors.ts';
import {
  copyPhase,
  differingReport,
  FakeStream,
  recheckPhase,
  report,
  source,
  syncPhase,
  target,
} from './output.fixture.ts';

const names = deviceNames('backup');

const now = (): number => Date.UTC(2025, 0, 2, 3, 4, 5, 678);

function tell(make: (output: Output) => Reporter, act: (reporter: Reporter) => void) {
  const streams = { stdout: new FakeStream(), stderr: new FakeStream() };
  act(make(new Output(streams)));
  return { stdout: streams.stdout.lines, stderr: streams.stderr.lines };
}

describe('--verbose', () => {
  const verbose = (output: Output): Reporter => verboseReporter(output, now, names);

  it('logs start, phases and end to stdout, each line with a timestamp', () => {
    const { stdout, stderr } = tell(verbose, (reporter) => {
      const options = {
        local: '/dev/sda1',
        remote: '/images/sda1',
        host: 'bkp',
        action: 'push',
        mode: 'sync',
      } as const;
      reporter.started?.({ kind: 'sync', options });
      reporter.event?.({ type: 'start', source, target });
      reporter.event?.({ type: 'phase-start', phase: 'sync', sizeBytes: source.sizeBytes });
      reporter.event?.({ type: 'flushing', side: 'remote', phase: 'sync' });
      reporter.event?.({ type: 'phase-end', ...syncPhase });
      reporter.finished?.(report);
    });
    expect(stderr).toEqual([]);
    expect(stdout).toEqual(
      [
        'start: sync (push) /dev/sda1 -> bkp:/images/sda1',
        'source: local /dev/sda1: block device, 4294967296 bytes (4.0 GiB)',
        'target: remote /images/sda1: regular file, 5368709120 bytes (5.0 GiB)',
        'sync: start, 4294967296 bytes (4.0 GiB) to go through',
        'sync: flushing the remote device',
        describePhase(syncPhase),
        'sync: the source was read through the page cache, the target from the disk',
        'end: all done in 8.0 s',
      ].map((line) => `2025-01-02T03:04:05Z ${line}`),
    );
  });

  it.each([
    ['pop', '/a <- /b'],
    ['push', '/a -> /b'],
  ] as const)('shows the direction of %s', (action, arrow) => {
    const options = { local: '/a', remote: '/b', action, mode: 'copy' } as const;
    const { stdout } = tell(verbose, (reporter) => reporter.started?.({ kind: 'sync', options }));
    expect(stdout[0]).toContain(`copy (${action}) ${arrow}`);
  });

  it.each([
    [{ ...report, phases: [recheckPhase] }, 'end: the devices match, all done in 8.0 s'],
    [differingReport, 'end: the devices differ, all done in 8.0 s'],
  ])('reports what a recheck found', (finished, line) => {
    expect(tell(verbose, (reporter) => reporter.finished?.(finished)).stdout[0]).toContain(line);
  });

  it('also logs a failure', () => {
    const { stdout } = tell(verbose, (reporter) => reporter.failed?.(new BasynError('device', 'It broke.')));
    expect(stdout).toEqual(['2025-01-02T03:04:05Z failed: It broke.']);
  });
});

describe('phases', () => {
  it.each([
    [
      syncPhase,
      'sync: 4294967296 bytes (4.0 GiB) in 8.0 s (512.0 MiB/s), ' +
        '12288 bytes (12.0 KiB) in 2 ranges differed, 12288 bytes (12.0 KiB) written',
    ],
    [
      { ...syncPhase, differingBytes: 0, differingRangeCount: 0, writtenBytes: 0 },
      'sync: 4294967296 bytes (4.0 GiB) in 8.0 s (512.0 MiB/s), nothing differed',
    ],
    [
      copyPhase,
      'copy: 4294967296 bytes (4.0 GiB) in 16.0 s (256.0 MiB/s), 4294967296 bytes (4.0 GiB) written',
    ],
    [recheckPhase, 'recheck: 4294967296 bytes (4.0 GiB) in 4.0 s (1.0 GiB/s), nothing differs'],
    [
      { ...recheckPhase, differingBytes: 5, differingRangeCount: 1 },
      'recheck: 4294967296 bytes (4.0 GiB) in 4.0 s (1.0 GiB/s), 5 bytes in 1 range differ',
    ],
    [
      { ...recheckPhase, unreadableBytes: 512, unreadableRangeCount: 1 },
      "recheck: 4294967296 bytes (4.0 GiB) in 4.0 s (1.0 GiB/s), nothing differs, 512 bytes can't be read",
    ],
  ])('%#', (phase, line) => {
    expect(describePhase(phase)).toBe(line);
  });
});

describe('unreadable ranges of the source', () => {
  const unreadable = {
    unreadableBytes: 8192,
    unreadableRangeCount: 3,
    unreadableRanges: [{ offsetBytes: 4096, lengthBytes: 512 }],
  };

  it('are listed for each phase, with what that means', () => {
    const phases = [
      { ...syncPhase, ...unreadable },
      { ...recheckPhase, ...unreadable },
    ];
    const list = ['  at offset 4096: 512 bytes', '  and 2 more ranges'];
    const total = '8192 bytes (8.0 KiB) in 3 ranges of local /dev/sda1';
    expect(unreadableLines({ ...report, phases }, names)).toEqual([
      `basyn: sync: ${total} can't be read, and were left as they are on the target:`,
      ...list,
      `basyn: recheck: ${total} can't be read, and were not compared:`,
      ...list,
    ]);
    expect(unreadableLines({ ...report, phases, dryRun: true }, names)[0]).toContain('would be left');
  });

  it('are not mentioned if there are none', () => {
    expect(unreadableLines(report, names)).toEqual([]);
  });
});

describe('differences', () => {
  it('are reported as bytes, number of ranges, and the first ranges', () => {
    expect(differenceLines(differingReport, names, 'stated')).toEqual([
      'basyn: The devices differ: 12288 bytes (12.0 KiB) in 5 ranges of local /dev/sda1 and remote /images/sda1.',
      '  at offset 0: 4096 bytes (4.0 KiB)',
      '  at offset 1048576: 8192 bytes (8.0 KiB)',
      '  and 3 more ranges',
    ]);
  });

  it('have no further line if every range is listed', () => {
    const phases = differingReport.phases.map((phase) => ({ ...phase, differingRangeCount: 2 }));
    expect(differenceLines({ ...differingReport, phases }, names, 'stated')).toHaveLength(3);
  });

  it('of sizes are reported with both sizes, the result for the common part, and how to allow a larger target', () => {
    const sizes = { ...report, phases: [recheckPhase], sizesMatch: false, matches: false };
    expect(differenceLines(sizes, names, 'not stated')).toEqual([
      'basyn: The devices differ in size: local /dev/sda1 has 4294967296 bytes, remote /images/sda1 has 5368709120. ' +
        'A target may be larger than its source: state the source with --action=PUSH (local) or --action=POP (remote).',
      '  in the first 4294967296 bytes (4.0 GiB), which both have, nothing differs',
    ]);
    expect(differenceLines(sizes, names, 'stated')[0]).toMatch(/has 5368709120\.$/);
  });

  it('are not mentioned if only a part of the source could not be read', () => {
    expect(differenceLines({ ...report, matches: false }, names, 'stated')).toEqual([]);
  });

  it('are not mentioned if the devices match', () => {
    expect(differenceLines(report, names, 'stated')).toEqual([]);
  });
});

describe('notices on stderr', () => {
  it('are warnings, remote lines, failures and differences, each on one line without control sequences', () => {
    const { stdout, stderr } = tell(
      (output) => noticeReporter(output, names),
      (reporter) => {
        reporter.event?.({ type: 'warning', message: 'the target is larger' });
        reporter.event?.({ type: 'remote-stderr', line: 'Permission denied\r' });
        reporter.event?.({ type: 'remote-stderr', line: '\u001b[2Jbasyn: all is well\nreally' });
        reporter.event?.({ type: 'debug', message: 'unseen' });
        reporter.failed?.(new BasynError('device', 'local /dev/\u001bx: no such device.'));
      },
    );
    expect(stdout).toEqual([]);
    expect(stderr).toEqual([
      'basyn: warning: the target is larger',
      'remote: Permission denied',
      'remote: \\x1b[2Jbasyn: all is well\\x0areally',
      'basyn: local /dev/\\x1bx: no such device.',
    ]);
    expect(
      tell(
        (output) => noticeReporter(output, names),
        (reporter) => reporter.finished?.(differingReport),
      ).stderr,
    ).toHaveLength(4);
  });
});

describe('--debug', () => {
  it('traces, and prints the stack of an error', () => {
    const cause = new TypeError('the cause', { cause: 'the root' });
    const { stdout, stderr } = tell(
      (output) => debugReporter(output, now),
      (reporter) => {
        reporter.event?.({ type: 'debug', message: 'a frame of 5 bytes' });
        reporter.failed?.(new BasynError('internal', 'the error', {}, { cause }));
      },
    );
    expect(stdout).toEqual([]);
    expect(stderr[0]).toBe('2025-01-02T03:04:05.678Z debug: a frame of 5 bytes');
    expect(
      stderr.filter((line) => /^BasynError: the error|^caused by:|^TypeError: the cause|the root/.test(line)),
    ).toEqual(['BasynError: the error', 'caused by:', 'TypeError: the cause', 'caused by:', "'the root'"]);
    expect(stderr.some((line) => line.includes('text.test.ts'))).toBe(true);
  });
});

describe('without an action', () => {
  it('prints a line for each device', () => {
    const { stdout } = tell(
      (output) => deviceReporter(output, names),
      (reporter) => reporter.found?.({ local: source, remote: target }),
    );
    expect(stdout).toEqual([
      'local /dev/sda1: block device, 4294967296 bytes (4.0 GiB)',
      'remote /images/sda1: regular file, 5368709120 bytes (5.0 GiB)',
    ]);
  });
});

it('says that another attempt follows, and where it continues', () => {
  const event = { type: 'attempt', attempt: 2, reason: 'The link broke.', waitMs: 1000 } as const;
  expect(describeAttempt(event)).toBe('The link broke. Attempt 2 begins in 1.0 s.');
  expect(describeAttempt({ ...event, phase: 'sync', fromBytes: 4096 })).toBe(
    'The link broke. Attempt 2 begins in 1.0 s, and continues sync at offset 4096.',
  );
});
