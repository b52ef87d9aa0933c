import { inspect } from 'node:util';
import type { DeviceReport, PhaseReport, RunEvent, RunReport } from '../report.ts';
import { bytesPerSecond, formatCount, formatExactBytes, formatSeconds, formatSpeed } from './format.ts';
import type { Task } from './options.ts';
import type { Output } from './output.ts';
import type { Reporter } from './reporter.ts';

/** Milliseconds since 1970, as `Date.now()` returns them. */
export type Clock = () => number;

/** The name of a device in the output: side and path, or the path alone in a run on one host. */
export type DeviceName = (device: Pick<DeviceReport, 'side' | 'path'>) => string;

/** How devices are named in a run with this host. Undefined: a run on one host. */
export function deviceNames(host: string | undefined): DeviceName {
  return host === undefined ? ({ path }) => path : ({ side, path }) => `${side} ${path}`;
}

/** Always reported on stderr: warnings, the stderr of the remote host, failures, differences. */
export function noticeReporter(output: Output, nameOf: DeviceName): Reporter {
  let knowledge: SourceKnowledge = 'stated';
  return {
    started({ options }) {
      knowledge = 'action' in options ? 'stated' : 'not stated';
    },
    event(event) {
      if (event.type === 'warning') output.notice(`basyn: warning: ${event.message}`);
      // ssh ends its lines with CR LF.
      if (event.type === 'remote-stderr') {
        output.notice(`remote: ${event.line.replace(/\r$/, '')}`, 'droppable');
      }
    },
    finished(report) {
      differenceLines(report, nameOf, knowledge).forEach((line) => output.notice(line));
    },
    failed(error) {
      output.notice(`basyn: ${error.message}`);
    },
  };
}

/** `--debug`: the trace, and the stack of an error, on stderr. */
export function debugReporter(output: Output, now: Clock): Reporter {
  return {
    event(event) {
      if (event.type !== 'debug') return;
      output.notice(`${new Date(now()).toISOString()} debug: ${event.message}`, 'droppable');
    },
    failed(error) {
      stackLines(error).forEach((line) => output.notice(line));
    },
  };
}

/** `--verbose`: lines with timestamps on stdout. */
export function verboseReporter(output: Output, now: Clock, nameOf: DeviceName): Reporter {
  const log = (line: string): void => output.print(`${timestamp(now())} ${line}`);
  return {
    started: (task) => log(`start: ${describeTask(task)}`),
    event: (event) => eventLines(event, nameOf).forEach(log),
    finished: (report) => log(`end: ${describeResult(report)}`),
    found: () => log('end: both devices can be opened'),
    failed: (error) => log(`failed: ${error.message}`),
  };
}

/** The result of a run without an action: one line for each device, on stdout. */
export function deviceReporter(output: Output, nameOf: DeviceName): Reporter {
  return {
    found: ({ local, remote }) =>
      [local, remote].forEach((device) => output.print(describeDevice(device, nameOf))),
  };
}

/** The result of a dry run, on stdout. */
export function dryRunReporter(output: Output): Reporter {
  return {
    finished: ({ dryRun, phases }) => {
      if (!dryRun) return;
      for (const { differingBytes, differingRangeCount } of phases) {
        const ranges = `${formatExactBytes(differingBytes)} in ${formatCount(differingRangeCount, 'range')}`;
        output.print(`dry run: ${ranges} would be sent and written; nothing was changed.`);
      }
    },
  };
}

/** "local /dev/sda1: block device, 4294967296 bytes (4.0 GiB)". */
export function describeDevice(device: DeviceReport, nameOf: DeviceName): string {
  const { kind, sizeBytes } = device;
  return `${nameOf(device)}: ${kind}, ${formatExactBytes(sizeBytes)}`;
}

/** "sync: 4096 bytes (4.0 KiB) in 1.0 s (4.0 KiB/s), 512 bytes in 1 range differed, 512 bytes written". */
export function describePhase(report: PhaseReport): string {
  const { phase, sizeBytes, elapsedMs } = report;
  const speed = formatSpeed(bytesPerSecond(sizeBytes, elapsedMs));
  return `${phase}: ${formatExactBytes(sizeBytes)} in ${formatSeconds(elapsedMs)} (${speed}), ${describeOutcome(report)}`;
}

const readPathWords = {
  direct: 'from the disk',
  cached: 'through the page cache',
  none: 'not at all',
} as const;

/** "sync: the source was read through the page cache, the target from the disk". */
function describeReads({ phase, sourceReads, targetReads }: PhaseReport): string {
  return `${phase}: the source was read ${readPathWords[sourceReads]}, the target ${readPathWords[targetReads]}`;
}

function describeOutcome({ phase, differingBytes, differingRangeCount, writtenBytes }: PhaseReport): string {
  const written = `${formatExactBytes(writtenBytes)} written`;
  const ranges = `${formatExactBytes(differingBytes)} in ${formatCount(differingRangeCount, 'range')}`;
  switch (phase) {
    case 'copy':
      return written;
    case 'sync':
      return differingBytes === 0 ? 'nothing differed' : `${ranges} differed, ${written}`;
    case 'recheck':
      return differingBytes === 0 ? 'nothing differs' : `${ranges} differ`;
  }
}

/** Whether the user said which of the two devices is the source. */
type SourceKnowledge = 'stated' | 'not stated';

/** The result of a recheck, for stderr. No lines if the devices match. */
export function differenceLines(report: RunReport, nameOf: DeviceName, knowledge: SourceKnowledge): string[] {
  const { source, target, phases, matches } = report;
  if (matches) return [];
  const recheck = phases.find(({ phase }) => phase === 'recheck');
  const names = `${nameOf(source)} and ${nameOf(target)}`;
  const sizeLines = report.sizesMatch ? [] : [sizeDifference(report, nameOf, knowledge)];
  if (recheck === undefined) return [`basyn: The devices differ: ${names}.`];
  const { sizeBytes, differingBytes, differingRanges, differingRangeCount } = recheck;
  const unnamed = differingRangeCount - differingRanges.length;
  if (differingBytes === 0) {
    if (sizeBytes === 0) return sizeLines;
    return [...sizeLines, `  in the first ${formatExactBytes(sizeBytes)}, which both have, nothing differs`];
  }
  return [
    ...sizeLines,
    `basyn: The devices differ: ${formatExactBytes(differingBytes)} in ` +
      `${formatCount(differingRangeCount, 'range')} of ${names}.`,
    ...differingRanges.map(
      ({ offsetBytes, lengthBytes }) => `  at offset ${offsetBytes}: ${formatExactBytes(lengthBytes)}`,
    ),
    ...(unnamed > 0 ? [`  and ${formatCount(unnamed, 'more range')}`] : []),
  ];
}

function sizeDifference(
  { source, target }: RunReport,
  nameOf: DeviceName,
  knowledge: SourceKnowledge,
): string {
  const remedy =
    knowledge === 'stated'
      ? ''
      : ' A target may be larger than its source: state the source with --action=PUSH (local) or --action=POP (remote).';
  return (
    `basyn: The devices differ in size: ${nameOf(source)} has ${source.sizeBytes} bytes, ` +
    `${nameOf(target)} has ${target.sizeBytes}.${remedy}`
  );
}

function eventLines(event: RunEvent, nameOf: DeviceName): string[] {
  switch (event.type) {
    case 'start':
      return [
        `source: ${describeDevice(event.source, nameOf)}`,
        `target: ${describeDevice(event.target, nameOf)}`,
      ];
    case 'phase-start':
      return [`${event.phase}: start, ${formatExactBytes(event.sizeBytes)} to go through`];
    case 'phase-end':
      return [describePhase(event), describeReads(event)];
    case 'flushing':
      return [describeFlush(event)];
    case 'note':
      return [`note: ${event.message}`];
    case 'progress':
    case 'warning':
    case 'remote-stderr':
    case 'debug':
      return [];
  }
}

/** "sync: flushing the remote device". */
export function describeFlush({ phase, side }: Extract<RunEvent, { type: 'flushing' }>): string {
  const what = `flushing the ${side} device`;
  return phase === undefined ? what : `${phase}: ${what}`;
}

function describeTask({ kind, options }: Task): string {
  const remote = options.host === undefined ? options.remote : `${options.host}:${options.remote}`;
  switch (kind) {
    case 'sync': {
      const arrow = options.action === 'push' ? '->' : '<-';
      return `${options.mode} (${options.action}) ${options.local} ${arrow} ${remote}`;
    }
    case 'recheck':
      return `recheck ${options.local} and ${remote}`;
    case 'inspect':
      return `look at ${options.local} and ${remote}`;
  }
}

function describeResult({ phases, matches, elapsedMs }: RunReport): string {
  const rechecked = phases.some(({ phase }) => phase === 'recheck');
  const finding = matches ? 'the devices match, ' : 'the devices differ, ';
  return `${rechecked ? finding : ''}all done in ${formatSeconds(elapsedMs)}`;
}

function stackLines(error: Error): string[] {
  const lines = (error.stack ?? error.message).split('\n');
  if (error.cause === undefined) return lines;
  return [
    ...lines,
    'caused by:',
    ...(error.cause instanceof Error ? stackLines(error.cause) : [inspect(error.cause)]),
  ];
}

/** A line of a log on stderr, with the time. */
export function logLine(now: Clock, text: string): string {
  return `${timestamp(now())} ${text}`;
}

function timestamp(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
