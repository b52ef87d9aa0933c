import type { Interruption, PhaseReport, RecordReport, RunReport, StateFileReport } from '../report.ts';
import { bytesPerSecond, formatExactBytes, formatSpeed } from '../display/format.ts';
import type { LineWriter } from './output.ts';
import type { Reporter } from './reporter.ts';

/** `--stat`: the statistics on stdout, after the run. */
export function statReporter(output: LineWriter): Reporter {
  const print = (report: RunReport | RecordReport): void =>
    statLines(report).forEach((line) => output.print(line));
  return { finished: print, recorded: print };
}

/** The statistics, one row a line. */
export function statLines(report: RunReport | RecordReport): string[] {
  return statRows(report).map(
    ({ group, name, value }) => `${group.padEnd(12)} ${name === '' ? '' : `${name.padEnd(10)} `}${value}`,
  );
}

/** A row without a group belongs to the group before it. */
interface StatRow {
  readonly group: string;
  readonly name: string;
  readonly value: string;
}

export function statRows(report: RunReport | RecordReport): StatRow[] {
  const { source, phases, traffic, elapsedMs, interruptions = [], stateFile } = report;
  const { receivedBytes, transmittedBytes } = traffic;
  const bothBytes = receivedBytes + transmittedBytes;
  return [
    row('Device size:', '', formatExactBytes(source.sizeBytes)),
    row('Traffic:', 'Rx:', formatExactBytes(receivedBytes)),
    row('', 'Tx:', formatExactBytes(transmittedBytes)),
    row('', 'Both:', formatExactBytes(bothBytes)),
    row('Ratio:', '', formatRatio(bothBytes, source.sizeBytes)),
    row('Time:', '', `${(elapsedMs / 1000).toFixed(3)} seconds`),
    row('Bandwidth:', 'Real:', formatBandwidth(bothBytes, elapsedMs)),
    row('', 'Effective:', formatBandwidth(source.sizeBytes, elapsedMs)),
    ...phases.flatMap(changeRows),
    ...stateFileRows(stateFile),
    ...('bottleneck' in report ? bottleneckRows(report) : []),
    ...attemptRows(interruptions),
  ];
}

/** Only where the link has failed. */
function attemptRows(interruptions: readonly Interruption[]): StatRow[] {
  if (interruptions.length === 0) return [];
  const sum = (count: (each: Interruption) => number): number =>
    interruptions.reduce((total, each) => total + count(each), 0);
  return [
    row('Attempts:', 'Number:', `${interruptions.length + 1}`),
    row('', 'Waits:', `${(sum(({ waitMs }) => waitMs) / 1000).toFixed(3)} seconds`),
    row('', 'Lost:', formatExactBytes(sum(({ lostBytes }) => lostBytes))),
  ];
}

/** What limited the run, where that is known. */
function bottleneckRows({ bottleneck }: RunReport): StatRow[] {
  if (bottleneck === undefined) return [];
  const { limitedBy, side, limitedMs, ofMs } = bottleneck;
  const what =
    limitedBy === 'start' ? 'connecting' : `the ${side === undefined ? '' : `${side} `}${limitedBy}`;
  const [limited, of] = [limitedMs, ofMs].map((ms) => (ms / 1000).toFixed(ofMs < 10_000 ? 1 : 0));
  return [row('Limited by:', '', `${what} (${limited} of ${of} s)`)];
}

/** What the phase found and did: the rows that the traffic alone doesn't tell. */
function changeRows(report: PhaseReport): StatRow[] {
  const { phase, differingBytes, writtenBytes, releasedBytes } = report;
  if (phase === 'record') return [...holeRows(report), ...readRows(report)];
  if (phase === 'recheck') {
    return [row('Recheck:', 'Differing:', formatExactBytes(differingBytes)), ...holeRows(report)];
  }
  return [
    ...listRows(report),
    row('Changes:', 'Differing:', formatExactBytes(differingBytes)),
    row('', 'Written:', formatExactBytes(writtenBytes)),
    ...(releasedBytes > 0 ? [row('', 'Released:', formatExactBytes(releasedBytes))] : []),
    ...holeRows(report),
    ...readRows(report),
  ];
}

/** What was read, where a state file or a list of changes decides about that. */
function readRows({ sourceReadBytes, targetReadBytes }: PhaseReport): StatRow[] {
  if (sourceReadBytes === undefined || targetReadBytes === undefined) return [];
  return [
    row('Read:', 'Source:', formatExactBytes(sourceReadBytes)),
    row('', 'Target:', formatExactBytes(targetReadBytes)),
  ];
}

/** What the state file was worth. */
function stateFileRows(stateFile: StateFileReport | undefined): StatRow[] {
  if (stateFile === undefined) return [];
  const { knownBuffers, bufferCount, reason } = stateFile;
  return [
    row('State file:', 'Known:', `${knownBuffers} of ${bufferCount} buffers`),
    ...(reason === undefined ? [] : [row('', 'Not used:', reason)]),
  ];
}

/** What a list of changes was used for. */
function listRows({ sizeBytes, examinedBytes = sizeBytes, changeList }: PhaseReport): StatRow[] {
  if (changeList === undefined) return [];
  const { listedBytes, sampledBytes, rejectedAtBytes } = changeList;
  return [
    row('Examined:', '', formatExactBytes(examinedBytes)),
    row('List:', 'Named:', formatExactBytes(listedBytes)),
    row('', 'Sampled:', formatExactBytes(sampledBytes)),
    ...(rejectedAtBytes === undefined
      ? []
      : [row('', 'Rejected:', `a difference at offset ${rejectedAtBytes}`)]),
  ];
}

/** Holes that were not read. Most devices have none. */
function holeRows({ sourceHoleBytes, targetHoleBytes }: PhaseReport): StatRow[] {
  if (sourceHoleBytes === 0 && targetHoleBytes === 0) return [];
  return [
    row('Not read:', 'Source:', formatExactBytes(sourceHoleBytes)),
    row('', 'Target:', formatExactBytes(targetHoleBytes)),
  ];
}

function row(group: string, name: string, value: string): StatRow {
  return { group, name, value };
}

function formatRatio(trafficBytes: number, sizeBytes: number): string {
  return sizeBytes === 0 ? 'n/a' : `${((trafficBytes / sizeBytes) * 100).toFixed(4)} %`;
}

function formatBandwidth(bytes: number, elapsedMs: number): string {
  const speed = bytesPerSecond(bytes, elapsedMs);
  return `${Math.round(speed)} bytes/s${speed < 1024 ? '' : ` (${formatSpeed(speed)})`}`;
}
