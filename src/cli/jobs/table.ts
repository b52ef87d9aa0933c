import type { JobResult, JobsReport } from '../../jobs/report.ts';
import { bytesPerSecond, formatBytes, formatClock, formatCount, formatSpeed } from '../../display/format.ts';
import { safeText } from '../../display/safe-text.ts';

const header = ['job', 'differing', 'sent', 'time', 'speed', 'result'] as const;

/** The table after several jobs, and below it why each failed job has failed. */
export function tableLines({ jobs, elapsedMs }: JobsReport): string[] {
  if (jobs.length === 0) return ['No job failed last time. Nothing was run.'];
  const rows = [header, ...jobs.map(rowOf)];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      // Numbers are aligned at their end, words at their beginning.
      .map((cell, column) =>
        column === 0 || column === row.length - 1
          ? cell.padEnd(widths[column]!)
          : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const failures = failureLines(jobs);
  const summary =
    failures.length === 0
      ? `${jobs.length} of ${jobs.length} jobs succeeded in ${formatClock(elapsedMs)}.`
      : `${failures.length} of ${jobs.length} jobs failed, ${formatClock(elapsedMs)}:`;
  return [...lines, summary, ...failures];
}

/** What `--check` prints: which jobs could not run, and why. */
export function checkLines({ jobs }: JobsReport): string[] {
  const failures = failureLines(jobs);
  return failures.length === 0
    ? [`The file is valid, and the devices of ${formatCount(jobs.length, 'job')} could be opened.`]
    : [`${failures.length} of ${jobs.length} jobs could not run:`, ...failures];
}

function failureLines(jobs: readonly JobResult[]): string[] {
  return jobs
    .filter(({ status }) => status !== 'succeeded')
    .map((result) => `  ${result.name}: ${reasonOf(result)}`);
}

function rowOf({ name: givenName, status, report, elapsedMs }: JobResult): string[] {
  // As it is printed: the width counts.
  const name = safeText(givenName);
  if (report === undefined || !('phases' in report)) {
    return [name, '-', '-', formatClock(elapsedMs), '-', status];
  }
  const { phases, traffic, source } = report;
  const differingBytes = phases[0]?.differingBytes ?? 0;
  const sentBytes = traffic.receivedBytes + traffic.transmittedBytes;
  const speed = formatSpeed(bytesPerSecond(source.sizeBytes, report.elapsedMs));
  return [name, formatBytes(differingBytes), formatBytes(sentBytes), formatClock(elapsedMs), speed, status];
}

/** Why a job counts as failed, as a sentence. */
export function reasonOf({ error, report }: JobResult): string {
  if (error !== undefined) return error.message;
  const unread =
    report !== undefined &&
    'matches' in report &&
    report.phases.some(({ unreadableBytes = 0 }) => unreadableBytes > 0);
  return unread ? 'A part of the source could not be read.' : 'The devices differ.';
}
