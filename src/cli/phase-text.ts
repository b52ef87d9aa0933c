import {
  bytesPerSecond,
  formatCount,
  formatExactBytes,
  formatSeconds,
  formatSpeed,
} from '../display/format.ts';
import type { PhaseReport } from '../report.ts';

/** What a phase did, and how: for a log. */
export function phaseLines(report: PhaseReport): string[] {
  return [describePhase(report), describeReads(report), ...holeLines(report), ...listLines(report)];
}

/** "sync: 4096 bytes (4.0 KiB) in 1.0 s (4.0 KiB/s), 512 bytes in 1 range differed, 512 bytes written". */
export function describePhase(report: PhaseReport): string {
  const { phase, sizeBytes, examinedBytes = sizeBytes, elapsedMs, unreadableBytes = 0 } = report;
  const speed = formatSpeed(bytesPerSecond(examinedBytes, elapsedMs));
  const gap = unreadableBytes === 0 ? '' : `, ${formatExactBytes(unreadableBytes)} can't be read`;
  return `${phase}: ${describeWork(report)} in ${formatSeconds(elapsedMs)} (${speed}), ${describeOutcome(report)}${gap}`;
}

/** "4096 bytes (4.0 KiB)", or "4096 bytes (4.0 KiB) of 1048576 bytes (1.0 MiB)". */
export function describeWork({
  sizeBytes,
  examinedBytes,
}: {
  readonly sizeBytes: number;
  readonly examinedBytes?: number;
}): string {
  const sizeText = formatExactBytes(sizeBytes);
  return examinedBytes === undefined || examinedBytes === sizeBytes
    ? sizeText
    : `${formatExactBytes(examinedBytes)} of ${sizeText}`;
}

const readPathWords = {
  direct: 'from the disk',
  cached: 'through the page cache',
  none: 'not at all',
} as const;

/** "sync: holes that were not read: 1048576 bytes (1.0 MiB) of the source, 0 bytes of the target". */
function holeLines({ phase, sourceHoleBytes, targetHoleBytes }: PhaseReport): string[] {
  if (sourceHoleBytes === 0 && targetHoleBytes === 0) return [];
  const [source, target] = [formatExactBytes(sourceHoleBytes), formatExactBytes(targetHoleBytes)];
  return [`${phase}: holes that were not read: ${source} of the source, ${target} of the target`];
}

/** "sync: the source was read through the page cache, the target from the disk". */
function describeReads({ phase, sourceReads, targetReads, ...counts }: PhaseReport): string {
  const { sourceReadBytes, targetReadBytes } = counts;
  if (phase === 'record') {
    return `${phase}: ${formatExactBytes(sourceReadBytes ?? 0)} of the source were read ${readPathWords[sourceReads]}`;
  }
  if (sourceReadBytes !== undefined && targetReadBytes !== undefined) {
    const [source, target] = [formatExactBytes(sourceReadBytes), formatExactBytes(targetReadBytes)];
    return (
      `${phase}: ${source} of the source were read ${readPathWords[sourceReads]}, ` +
      `${target} of the target ${readPathWords[targetReads]}`
    );
  }
  return `${phase}: the source was read ${readPathWords[sourceReads]}, the target ${readPathWords[targetReads]}`;
}

/** What a list of changes was used for. */
function listLines({ phase, changeList }: PhaseReport): string[] {
  if (changeList === undefined) return [];
  const { listedBytes, sampledBytes, rejectedAtBytes } = changeList;
  const sample = `${formatExactBytes(sampledBytes)} outside it were compared first`;
  const listed = `${phase}: the list of changes names ${formatExactBytes(listedBytes)}, ${sample}`;
  return [
    rejectedAtBytes === undefined
      ? listed
      : `${listed}, and a difference at offset ${rejectedAtBytes} was found`,
  ];
}

function describeOutcome(report: PhaseReport): string {
  const { phase, differingBytes, differingRangeCount, writtenBytes, releasedBytes } = report;
  const released = releasedBytes > 0 ? `, ${formatExactBytes(releasedBytes)} released` : '';
  const written = `${formatExactBytes(writtenBytes)} written${released}`;
  const ranges = `${formatExactBytes(differingBytes)} in ${formatCount(differingRangeCount, 'range')}`;
  switch (phase) {
    case 'copy':
      return written;
    case 'sync':
      return differingBytes === 0 ? 'nothing differed' : `${ranges} differed, ${written}`;
    case 'recheck':
      return differingBytes === 0 ? 'nothing differs' : `${ranges} differ`;
    case 'record':
      return 'all of it is in the state file';
  }
}
