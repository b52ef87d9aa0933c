import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output.ts';
import { progressLine, progressSentence, type ProgressView } from '../../src/cli/progress-line.ts';
import { ProgressOnRequest, ProgressReporter } from '../../src/cli/progress.ts';
import type { Task } from '../../src/options/task.ts';
import { RemainingTime } from '../../src/cli/remaining-time.ts';
import { SpeedMeter } from '../../src/cli/speed-meter.ts';
import { describePhase } from '../../src/cli/phase-text.ts';
import type { RunEvent } from '../../src/report.ts';
import { FakeStream, GiB, MiB, recheckPhase, syncPhase } from './output.fixture.ts';

const view: ProgressView = {
  phase: 'sync',
  doneBytes: GiB,
  sizeBytes: 4 * GiB,
  readBytesPerSecond: 512 * MiB,
  sentBytesPerSecond: 12.5 * MiB,
  leftMs: 6000,
};

describe('the line for a terminal', () => {
  it.each([
    [
      120,
      'sync [#######----------------------]  25%  read  512.0 MiB/s  sent   12.5 MiB/s     0:06 left        1.0 GiB of 4.0 GiB',
    ],
    [80, 'sync [###------------]  25%  read  512.0 MiB/s  sent   12.5 MiB/s     0:06 left'],
    [60, 'sync [###-----------]  25%  read  512.0 MiB/s     0:06 left'],
    [40, 'sync [###----------]  25%     0:06 left'],
    [30, 'sync  25%     0:06 left'],
    [20, 'sync [#------]  25%'],
    [12, 'sync  25%'],
    [5, ' 25%'],
    [1, ''],
  ])('%d columns', (columns, line) => {
    expect(progressLine(view, columns)).toBe(line);
  });

  it('fits bar, percentage, both speeds and time left into 80 columns, with the longest phase name and numbers', () => {
    const line = progressLine(
      {
        ...view,
        phase: 'recheck',
        readBytesPerSecond: 1023.9 * MiB,
        sizeBytes: 64 * 1024 * GiB,
        leftMs: 65_533_000,
      },
      80,
    );
    expect(line).toMatch(
      /^recheck \[-+\] {3}0% {2}read 1023.9 MiB\/s {2}sent {3}12.5 MiB\/s {2}18:12:13 left$/,
    );
  });

  const amount = fc.integer({ min: 0, max: 20 * 1024 }).map((gibibytes) => gibibytes * GiB);
  const speed = fc.double({ min: 0, max: 999 * GiB, noNaN: true });
  const anyView = fc
    .record({ one: amount, other: amount, read: speed, sent: speed, leftMs: fc.double({ min: 0 }) })
    .map(({ one, other, read, sent, leftMs }): ProgressView => ({
      leftMs,
      phase: 'recheck',
      doneBytes: Math.min(one, other),
      sizeBytes: Math.max(one, other),
      readBytesPerSecond: read,
      sentBytesPerSecond: sent,
    }));

  it('is never wider than the terminal', () => {
    fc.assert(
      fc.property(anyView, fc.integer({ min: 1, max: 300 }), (any, columns) => {
        expect(progressLine(any, columns).length).toBeLessThan(columns);
      }),
    );
  });

  it('keeps its width and its bar while the numbers change', () => {
    fc.assert(
      fc.property(anyView, (any) => {
        const line = progressLine(any, 80);
        expect(line).toHaveLength(79);
        expect(line).toMatch(/^recheck \[#*-*\] {1,3}\d{1,3}% {2}read .*\/s {2}sent .*\/s .* left$/);
      }),
    );
  });

  it('shows no time left before one is known', () => {
    expect(progressLine({ ...view, leftMs: Infinity }, 80)).toContain('-:-- left');
    expect(progressLine({ ...view, leftMs: NaN }, 80)).toContain('-:-- left');
    expect(progressLine({ ...view, leftMs: 3_600_000_000 }, 80)).toContain('-:-- left');
    expect(progressLine({ ...view, leftMs: 3_221_225_000 }, 80)).toContain('894:47:05 left');
  });

  it('shows a full bar only at the end', () => {
    const atPercent = (doneBytes: number): string => progressLine({ ...view, doneBytes }, 80);
    expect(atPercent(4 * GiB - 1)).toMatch(/-\] {2}99%/);
    expect(atPercent(4 * GiB)).toMatch(/\[#+\] 100%/);
    expect(progressLine({ ...view, doneBytes: 0, sizeBytes: 0 }, 80)).toMatch(/\[#+\] 100%/);
  });
});

it('the line for a log contains the same data in words', () => {
  expect(progressSentence(view)).toBe(
    'sync: 25% (1.0 GiB of 4.0 GiB), read 512.0 MiB/s, sent 12.5 MiB/s, 0:06 left',
  );
});

describe('speeds', () => {
  const start = { elapsedMs: 0, doneBytes: 0, wireBytes: 500 };

  it('are unknown before the first sample', () => {
    expect(new SpeedMeter(start).speeds()).toEqual({ readBytesPerSecond: 0, sentBytesPerSecond: 0 });
  });

  it('are averages over the last five seconds', () => {
    const meter = new SpeedMeter(start);
    for (let second = 1; second <= 10; second += 1) {
      meter.add({ elapsedMs: second * 1000, doneBytes: second * 1_000_000, wireBytes: 500 + second * 10 });
    }
    expect(meter.speeds()).toEqual({ readBytesPerSecond: 1_000_000, sentBytesPerSecond: 10 });
    for (let second = 11; second <= 15; second += 1) {
      meter.add({ elapsedMs: second * 1000, doneBytes: 10_000_000, wireBytes: 600 + (second - 10) * 30 });
    }
    expect(meter.speeds()).toEqual({ readBytesPerSecond: 0, sentBytesPerSecond: 30 });
  });

  it('one fast sample changes them only in proportion to its duration', () => {
    const meter = new SpeedMeter(start);
    for (let second = 1; second <= 4; second += 1) {
      meter.add({ elapsedMs: second * 1000, doneBytes: second * 100, wireBytes: 500 });
    }
    meter.add({ elapsedMs: 5000, doneBytes: 900, wireBytes: 500 });
    expect(meter.speeds().readBytesPerSecond).toBe(180);
  });

  it('include the whole duration of a pause', () => {
    const meter = new SpeedMeter(start);
    meter.add({ elapsedMs: 1000, doneBytes: 1000, wireBytes: 500 });
    meter.add({ elapsedMs: 20_000, doneBytes: 2900, wireBytes: 500 });
    expect(meter.speeds().readBytesPerSecond).toBe(100);
  });

  it('skip samples that follow too soon', () => {
    const meter = new SpeedMeter(start);
    meter.add({ elapsedMs: 1, doneBytes: 1_000_000, wireBytes: 500 });
    expect(meter.speeds().readBytesPerSecond).toBe(0);
  });
});

describe('the time left', () => {
  it('is that of the average speed at first', () => {
    const remaining = new RemainingTime();
    expect(remaining.leftMs(1000)).toBe(Infinity);
    remaining.add(1000, 100);
    expect(remaining.leftMs(1000)).toBeCloseTo(9000);
    expect(remaining.leftMs(100)).toBe(0);
  });

  it('does not jump when data comes in large steps, as over a slow link', () => {
    const remaining = new RemainingTime();
    const sizeBytes = 600_000;
    for (let elapsedMs = 200; elapsedMs < 500_000; elapsedMs += 200) {
      // A step of ten seconds.
      remaining.add(elapsedMs, Math.floor(elapsedMs / 10_000) * 10_000);
      const leftMs = sizeBytes - elapsedMs;
      if (elapsedMs < 60_000) continue;
      expect(Math.abs(remaining.leftMs(sizeBytes) - leftMs) / leftMs).toBeLessThan(0.5);
    }
  });

  it('follows a change of the speed within a minute', () => {
    const remaining = new RemainingTime();
    for (let second = 1; second <= 60; second++) remaining.add(second * 1000, second * 1_000_000);
    for (let second = 61; second <= 120; second++) {
      remaining.add(second * 1000, 60_000_000 + (second - 60) * 1000);
    }
    expect(remaining.leftMs(60_160_000)).toBeGreaterThan(1800);
    expect(remaining.leftMs(60_160_000)).toBeLessThan(100_000);
  });
});

describe('--progress', () => {
  const erase = '\r\u001b[J';
  const now = (): number => Date.UTC(2025, 0, 2, 3, 4, 5);
  const task = (host?: string): Task => ({
    kind: 'inspect',
    options: { local: '/a', remote: '/b', ...(host !== undefined && { host }) },
  });
  const phaseStart = { type: 'phase-start', phase: 'sync', sizeBytes: 4 * GiB } as const;
  const progress = (elapsedMs: number, doneBytes = GiB): RunEvent => ({
    type: 'progress',
    phase: 'sync',
    doneBytes,
    sizeBytes: 4 * GiB,
    traffic: { receivedBytes: 100, transmittedBytes: 900 },
    elapsedMs,
  });

  function reporterOn(stderr: FakeStream, stdout = new FakeStream()) {
    const output = new Output({ stdout, stderr });
    return { output, reporter: new ProgressReporter(output, now) };
  }

  it('redraws one line on a terminal, at most ten times per second', () => {
    const stderr = new FakeStream({ isTTY: true });
    const { reporter } = reporterOn(stderr);
    [phaseStart, progress(50), progress(100), progress(150), progress(199), progress(200, 2 * GiB)].forEach(
      (event) => reporter.event(event),
    );
    const drawn = stderr.text.split(erase);
    expect(drawn).toHaveLength(3);
    expect(drawn[1]).toMatch(/^sync \[.* {2}25% {2}read {3}10.0 GiB\/s/);
    expect(drawn[2]).toMatch(/^sync \[.* {2}50%/);
    expect(stderr.text).not.toContain('\n');
  });

  it('ends each phase with its own line, and restarts the measurement for the next phase', () => {
    const stderr = new FakeStream({ isTTY: true });
    const { reporter } = reporterOn(stderr);
    const again = { ...progress(100), phase: 'recheck' } as const;
    [phaseStart, progress(100), { type: 'phase-end', ...syncPhase } as const].forEach((event) =>
      reporter.event(event),
    );
    expect(stderr.text.endsWith(`${erase}${describePhase(syncPhase)}\n`)).toBe(true);
    [{ ...phaseStart, phase: 'recheck' } as const, again].forEach((event) => reporter.event(event));
    // Traffic is counted from the start of the run. The second phase must not include that of the first one.
    expect(stderr.text.split('\n').at(-1)).toMatch(/recheck .*sent {4}0 bytes\/s/);
    reporter.event({ type: 'phase-end', ...recheckPhase });
    expect(stderr.text.endsWith(`${erase}${describePhase(recheckPhase)}\n`)).toBe(true);
  });

  it.each(['failed', 'interrupted'] as const)(
    'is erased when the run is %s, and does not come back',
    (ending) => {
      const stderr = new FakeStream({ isTTY: true });
      const { reporter } = reporterOn(stderr);
      [phaseStart, progress(100)].forEach((event) => reporter.event(event));
      reporter[ending]();
      expect(stderr.text.endsWith(erase)).toBe(true);
      const { text } = stderr;
      reporter.event(progress(300));
      expect(stderr.text).toBe(text);
    },
  );

  it('shows a flush until the phase ends, although progress events continue', () => {
    const flushing = { type: 'flushing', side: 'remote', phase: 'sync' } as const;
    const stderr = new FakeStream({ isTTY: true });
    const { reporter } = reporterOn(stderr);
    [phaseStart, progress(100), flushing, progress(500)].forEach((event) => reporter.event(event));
    expect(stderr.text.split(erase).at(-1)).toBe('sync: flushing the remote device…\r');
    reporter.event({ type: 'phase-end', ...syncPhase });
    [phaseStart, progress(100)].forEach((event) => reporter.event(event));
    expect(stderr.text.split(erase).at(-1)).toMatch(/^sync \[/);

    const log = new FakeStream();
    reporterOn(log).reporter.event(flushing);
    expect(log.lines).toEqual(['2025-01-02T03:04:05Z sync: flushing the remote device']);
  });

  it('calls no device remote in a run on one host', () => {
    const log = new FakeStream();
    const { reporter } = reporterOn(log);
    reporter.started(task(undefined));
    reporter.event({ type: 'flushing', side: 'remote', phase: 'sync' });
    expect(log.lines.at(-1)).toBe('2025-01-02T03:04:05Z sync: flushing a device');
  });

  it('follows the width of the window', () => {
    const stderr = new FakeStream({ isTTY: true, columns: 80 });
    const { reporter } = reporterOn(stderr);
    stderr.columns = 40;
    [phaseStart, progress(100)].forEach((event) => reporter.event(event));
    expect(stderr.text.slice(erase.length)).toHaveLength(39 + '\r'.length);
  });

  it('is cleared before other lines are printed on the same terminal', () => {
    const stderr = new FakeStream({ isTTY: true });
    const { output, reporter } = reporterOn(stderr);
    [phaseStart, progress(100)].forEach((event) => reporter.event(event));
    const line = stderr.text.slice(erase.length);
    output.notice('basyn: warning: look');
    expect(stderr.text).toBe(`${erase}${line}${erase}basyn: warning: look\n${line}`);
    expect(line).toMatch(/left\r$/);
  });

  it('is not redrawn for output that goes to a file', () => {
    const stderr = new FakeStream({ isTTY: true });
    const stdout = new FakeStream();
    const { output, reporter } = reporterOn(stderr, stdout);
    [phaseStart, progress(100)].forEach((event) => reporter.event(event));
    const { text } = stderr;
    output.print('a line');
    expect(stderr.text).toBe(text);
    expect(stdout.text).toBe('a line\n');
  });

  it('names the host until the first byte, on a terminal and in a log, and leaves nothing of it', () => {
    const stderr = new FakeStream({ isTTY: true });
    const { reporter } = reporterOn(stderr);
    reporter.started(task('backup'));
    expect(stderr.text).toBe(`${erase}connecting to backup…\r`);
    [phaseStart, progress(100)].forEach((event) => reporter.event(event));
    expect(stderr.text.split(erase).at(-1)).toMatch(/^sync \[/);
    reporter.finished();
    expect(stderr.text.endsWith(erase)).toBe(true);

    const log = new FakeStream();
    reporterOn(log).reporter.started(task('backup'));
    expect(log.lines).toEqual(['2025-01-02T03:04:05Z connecting to backup']);

    const here = new FakeStream({ isTTY: true });
    reporterOn(here).reporter.started(task());
    expect(here.text).toBe('');
  });

  it('sends no escape sequences to a dumb terminal', () => {
    const stderr = new FakeStream({ isTTY: true });
    const output = new Output({ stdout: new FakeStream(), stderr, terminalType: 'dumb' });
    const reporter = new ProgressReporter(output, now);
    reporter.started(task('backup'));
    [phaseStart, progress(20_000), { type: 'phase-end', ...syncPhase } as const].forEach((event) =>
      reporter.event(event),
    );
    expect(stderr.lines).toHaveLength(3);
    // eslint-disable-next-line no-control-regex
    expect(stderr.text).not.toMatch(/[\r\u001b]/);
  });

  it('on request says at any time what the run does', () => {
    const stderr = new FakeStream();
    const request = new ProgressOnRequest(new Output({ stdout: new FakeStream(), stderr }), now);
    const flushing = { type: 'flushing', side: 'remote', phase: 'sync' } as const;
    request.print();
    request.started(task('backup'));
    request.print();
    [phaseStart, progress(1000)].forEach((event) => request.event(event));
    request.print();
    request.event(flushing);
    request.print();
    request.event(progress(2000));
    request.print();
    expect(stderr.lines.map((line) => line.replace('2025-01-02T03:04:05Z ', ''))).toEqual([
      'starting',
      'connecting to backup',
      'sync: 25% (1.0 GiB of 4.0 GiB), read 1.0 GiB/s, sent 1000 bytes/s, 0:03 left',
      'sync: flushing the remote device',
      'sync: flushing the remote device',
    ]);
  });

  it('writes a line every ten seconds and one at the end if stderr is not a terminal', () => {
    const stderr = new FakeStream();
    const { reporter } = reporterOn(stderr);
    reporter.event(phaseStart);
    for (let elapsedMs = 100; elapsedMs <= 25_000; elapsedMs += 100)
      reporter.event(progress(elapsedMs, elapsedMs * 1000));
    reporter.event({ type: 'phase-end', ...syncPhase });
    expect(stderr.lines).toHaveLength(3);
    expect(stderr.lines[0]).toMatch(
      /^2025-01-02T03:04:05Z sync: 0% \(9.5 MiB of 4.0 GiB\), read 976.6 KiB\/s, sent 0 bytes\/s, 1:11:\d\d left$/,
    );
    expect(stderr.lines[2]).toBe(`2025-01-02T03:04:05Z ${describePhase(syncPhase)}`);
    expect(stderr.text).not.toContain('\r');
  });
});
