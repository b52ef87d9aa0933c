import type { PhaseName } from '../report.ts';
import { formatBytes, formatClock, formatSpeed, percentOf } from './format.ts';
import type { Speeds } from './speed-meter.ts';

/** A moment of a phase, as the indicator shows it. */
export interface ProgressView extends Speeds {
  readonly phase: PhaseName;
  readonly doneBytes: number;
  readonly sizeBytes: number;
}

const leastBarColumns = 7;
const mostBarColumns = 42;
/** What would take more than 1000 hours isn't moving. */
const mostLeftMs = 1000 * 3_600_000;
const gap = '  ';

/**
 * The line for a terminal. Numbers keep their width, so that nothing jumps. What doesn't fit into a narrow
 * terminal is left out from the right, and the bar takes what room remains.
 */
export function progressLine(view: ProgressView, columns: number): string {
  // The last column stays empty: many terminals wrap as soon as it is filled.
  const room = columns - 1;
  const percent = percentOf(view.doneBytes, view.sizeBytes);
  const head = `${view.phase} `;
  let tail = `${String(percent).padStart(3)}%`;
  if (head.length + tail.length > room) return tail.slice(0, Math.max(room, 0));
  for (const detail of details(view)) {
    if (head.length + tail.length + gap.length + detail.length > room) break;
    tail += gap + detail;
  }
  const barColumns = Math.min(room - head.length - tail.length - 1, mostBarColumns);
  return barColumns < leastBarColumns ? head + tail : `${head}${bar(percent, barColumns)} ${tail}`;
}

/** The line for a log. */
export function progressSentence(view: ProgressView): string {
  const { phase, doneBytes, sizeBytes, readBytesPerSecond, sentBytesPerSecond } = view;
  return (
    `basyn: ${phase}: ${percentOf(doneBytes, sizeBytes)}% (${formatBytes(doneBytes)} of ${formatBytes(sizeBytes)}), ` +
    `read ${formatSpeed(readBytesPerSecond)}, sent ${formatSpeed(sentBytesPerSecond)}, ${timeLeft(view)} left`
  );
}

function details(view: ProgressView): string[] {
  return [
    `read ${formatSpeed(view.readBytesPerSecond).padStart(12)}`,
    `sent ${formatSpeed(view.sentBytesPerSecond).padStart(12)}`,
    `${timeLeft(view).padStart(7)} left`,
    `${formatBytes(view.doneBytes)} of ${formatBytes(view.sizeBytes)}`.padStart(24),
  ];
}

function timeLeft({ doneBytes, sizeBytes, readBytesPerSecond }: ProgressView): string {
  const leftMs = ((sizeBytes - doneBytes) / readBytesPerSecond) * 1000;
  // While nothing moves this is infinite, or not a number.
  return leftMs < mostLeftMs ? formatClock(leftMs) : '-:--';
}

function bar(percent: number, columns: number): string {
  const inner = columns - 2;
  const filled = Math.floor((inner * percent) / 100);
  return `[${'#'.repeat(filled)}${'-'.repeat(inner - filled)}]`;
}
