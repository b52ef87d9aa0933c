import { tuning } from '../limits.ts';
import type { ReportedPhase } from '../report.ts';
import { formatBytes, formatClock, formatSpeed, percentOf } from '../display/format.ts';
import type { Speeds } from './speed-meter.ts';

/** A moment of a phase, as the indicator shows it. */
export interface ProgressView extends Speeds {
  readonly phase: ReportedPhase;
  readonly doneBytes: number;
  readonly sizeBytes: number;
  /** Infinite if it is not known. */
  readonly leftMs: number;
}

const leastBarColumns = 7;
const mostBarColumns = 42;
const gap = '  ';

/**
 * The line for a terminal. Numbers keep their width, so that nothing jumps. What does not fit into a narrow terminal is
 * left out: the time left is the last detail to go. The bar takes the room that remains.
 */
export function progressLine(view: ProgressView, columns: number): string {
  // The last column stays empty: many terminals wrap as soon as it is filled.
  const room = columns - 1;
  const percent = percentOf(view.doneBytes, view.sizeBytes);
  const head = `${view.phase} `;
  const share = `${String(percent).padStart(3)}%`;
  if (head.length + share.length > room) return share.slice(0, Math.max(room, 0));
  const tail = [share, ...fittingDetails(view, room - head.length - share.length)].join(gap);
  const barColumns = Math.min(room - head.length - tail.length - 1, mostBarColumns);
  return barColumns < leastBarColumns ? head + tail : `${head}${bar(percent, barColumns)} ${tail}`;
}

/** The line for a log. */
export function progressSentence(view: ProgressView): string {
  const { phase, doneBytes, sizeBytes, readBytesPerSecond, sentBytesPerSecond } = view;
  return (
    `${phase}: ${percentOf(doneBytes, sizeBytes)}% (${formatBytes(doneBytes)} of ${formatBytes(sizeBytes)}), ` +
    `read ${formatSpeed(readBytesPerSecond)}, sent ${formatSpeed(sentBytesPerSecond)}, ${timeLeft(view)} left`
  );
}

/** The details that fit, in the order in which they are shown. */
function fittingDetails(view: ProgressView, columns: number): string[] {
  const read = `read ${formatSpeed(view.readBytesPerSecond).padStart(12)}`;
  const sent = `sent ${formatSpeed(view.sentBytesPerSecond).padStart(12)}`;
  const left = `${timeLeft(view).padStart(7)} left`;
  const amount = `${formatBytes(view.doneBytes)} of ${formatBytes(view.sizeBytes)}`.padStart(24);
  const fitting = new Set<string>();
  let rest = columns;
  for (const detail of [left, read, sent, amount]) {
    rest -= gap.length + detail.length;
    if (rest < 0) break;
    fitting.add(detail);
  }
  return [read, sent, left, amount].filter((detail) => fitting.has(detail));
}

function timeLeft({ leftMs }: ProgressView): string {
  return leftMs < tuning.progress.mostRemainingMs ? formatClock(leftMs) : '-:--';
}

function bar(percent: number, columns: number): string {
  const inner = columns - 2;
  const filled = Math.floor((inner * percent) / 100);
  return `[${'#'.repeat(filled)}${'-'.repeat(inner - filled)}]`;
}
