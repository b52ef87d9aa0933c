import { FirstFew, LongestFew } from '../../src/html-report/few.ts';
import { DeviceMap } from '../../src/html-report/device-map.ts';
import { RateSeries } from '../../src/html-report/rate-series.ts';
import type { Ending, PhaseRecord, Reconnect, RunRecord, Stall } from '../../src/html-report/run-record.ts';
import { bounds, tuning } from '../../src/limits.ts';
import type { Task } from '../../src/options/task.ts';
import type { PhaseReport, RunReport } from '../../src/report.ts';

export const TiB = 1024 ** 4;

export const task: Task = {
  kind: 'sync',
  options: { local: '/dev/a', remote: '/dev/b', host: 'backup', action: 'push', mode: 'sync' },
};

/** A run that did nothing. */
export function plainRun(ending: Ending, changes: Partial<RunRecord> = {}): RunRecord {
  const nothing = { items: [], omittedCount: 0 };
  return {
    task,
    startedMs: 0,
    elapsedMs: 1_000,
    ending,
    phases: [],
    endedPhases: [],
    samples: [],
    stalls: nothing,
    reconnects: nothing,
    warnings: nothing,
    ...changes,
  };
}

/**
 * A run in which everything that the page shows is as long and as many as it can be.
 *
 * @param text is in every place for text from outside.
 */
export function largestRun(text: string, mapCells: number): RunRecord {
  const sizeBytes = 256 * TiB;
  const long = (characters: number): string => text.repeat(Math.ceil(characters / text.length));
  const path = `/${long(bounds.maxPathBytes)}`;
  const device = { side: 'local', path, kind: 'block device', sizeBytes } as const;
  const phases = [
    differingPhase('sync', sizeBytes, mapCells),
    differingPhase('recheck', sizeBytes, mapCells),
  ];
  const reports = phases.map(({ phase }) => phaseReport(phase as 'sync', sizeBytes));
  const warnings = new FirstFew<string>(tuning.htmlReport.listedWarnings);
  const reconnects = new FirstFew<Reconnect>(tuning.htmlReport.listedReconnects);
  const stalls = new LongestFew<Stall>(tuning.htmlReport.listedStalls);
  const hourMs = 3_600_000;
  for (let index = 0; index < 1_000; index++) {
    const span = { startMs: index * hourMs, endMs: (index + 1) * hourMs };
    warnings.add(long(bounds.maxErrorMessageCharacters));
    reconnects.add({ ...span, attempt: index, reason: long(bounds.maxErrorMessageCharacters) });
    stalls.add({ ...span, during: 'flushing the remote device' });
  }
  const report: RunReport = {
    source: device,
    target: device,
    dryRun: false,
    phases: reports,
    traffic: { receivedBytes: sizeBytes, transmittedBytes: sizeBytes },
    elapsedMs: 1_000 * hourMs,
    sizesMatch: false,
    matches: false,
  };
  return {
    task: {
      kind: 'sync',
      options: {
        ...{ local: path, remote: path, host: long(255), action: 'push', mode: 'sync' },
        sshOptions: Array.from({ length: 1_000 }, () => path),
      },
    },
    source: device,
    target: device,
    startedMs: Date.now(),
    elapsedMs: 1_000 * hourMs,
    ending: {
      status: 'failed',
      report,
      figures: Array.from({ length: 30 }, () => ({ group: 'Not read:', name: 'Source:', value: path })),
    },
    phases,
    endedPhases: reports,
    samples: unevenRates(1_000 * hourMs),
    stalls,
    reconnects,
    warnings,
  };
}

/** No two neighbours look alike. */
function differingPhase(phase: 'sync' | 'recheck', sizeBytes: number, mapCells: number): PhaseRecord {
  const map = new DeviceMap(sizeBytes, mapCells);
  const cellBytes = sizeBytes / mapCells;
  for (let offsetBytes = 0; offsetBytes < sizeBytes; offsetBytes += cellBytes) {
    map.add('differing', { offsetBytes, lengthBytes: cellBytes / 7 });
    map.add('zero', { offsetBytes, lengthBytes: cellBytes / 3 });
    map.add('not read', { offsetBytes: offsetBytes + cellBytes / 2, lengthBytes: cellBytes / 9 });
    if (offsetBytes % (2 * cellBytes) === 0) map.add('unreadable', { offsetBytes, lengthBytes: 4096 });
  }
  const cells = map.cells({ doneBytes: sizeBytes, counts: 'all' });
  return { phase, state: 'ended', doneBytes: sizeBytes, workBytes: sizeBytes, accuracy: 'about', cells };
}

function phaseReport(phase: 'sync' | 'recheck', sizeBytes: number): PhaseReport {
  const range = { offsetBytes: sizeBytes - 123_456, lengthBytes: 123_456 };
  return {
    phase,
    sizeBytes,
    differingBytes: sizeBytes / 2,
    differingRanges: Array.from({ length: bounds.reportedRanges }, () => range),
    differingRangeCount: 1e9,
    unreadableBytes: bounds.unreadableBytes,
    unreadableRanges: Array.from({ length: bounds.reportedUnreadableRanges }, () => range),
    unreadableRangeCount: bounds.unreadableRanges,
    writtenBytes: sizeBytes / 2,
    releasedBytes: 0,
    sourceHoleBytes: 0,
    targetHoleBytes: 0,
    sourceReads: 'direct',
    targetReads: 'direct',
    elapsedMs: 1e9,
  };
}

function unevenRates(elapsedMs: number): RunRecord['samples'] {
  const { rateSamples, firstSampleMs } = tuning.htmlReport;
  const series = new RateSeries(rateSamples, firstSampleMs);
  const stepMs = elapsedMs / 997;
  for (let index = 0; index < 997; index++) {
    const bytes = ((index * 7919) % 997) * 1_234_567;
    series.add({
      fromMs: index * stepMs,
      toMs: (index + 1) * stepMs,
      doneBytes: bytes,
      sentBytes: bytes / 3,
    });
  }
  return series.samples();
}
