import { inspect } from 'node:util';

import type {
  DeviceReport,
  PhaseReport,
  RecordReport,
  RunEvent,
  RunReport,
  StateFileReport,
} from '../report.ts';
import { formatCount, formatExactBytes, formatSeconds } from '../display/format.ts';
import { describeAttempt, describeRuntime } from './host-text.ts';
import { describeWork, phaseLines } from './phase-text.ts';
import type { Task } from '../options/task.ts';
import type { LineWriter } from './output.ts';
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
export function noticeReporter(output: LineWriter, nameOf: DeviceName): Reporter {
  let knowledge: SourceKnowledge = 'stated';
  const warn = (text: string): void => output.notice(`basyn: warning: ${text}`, 'kept', 'warning');
  const fail = (line: string): void => output.notice(line, 'kept', 'error');
  return {
    started({ options }) {
      knowledge = 'action' in options ? 'stated' : 'not stated';
    },
    event(event) {
      if (event.type === 'warning') warn(event.message);
      if (event.type === 'attempt') warn(describeAttempt(event));
      // ssh ends its lines with CR LF.
      if (event.type === 'remote-stderr') {
        output.notice(`remote: ${event.line.replace(/\r$/, '')}`, 'droppable');
      }
    },
    finished(report) {
      const lines = [...differenceLines(report, nameOf, knowledge), ...unreadableLines(report, nameOf)];
      lines.forEach(fail);
    },
    failed: (error) => fail(`basyn: ${error.message}`),
  };
}

/** `--debug`: the trace, and the stack of an error, on stderr. */
export function debugReporter(output: LineWriter, now: Clock): Reporter {
  return {
    event(event) {
      if (event.type !== 'debug') return;
      output.notice(`${new Date(now()).toISOString()} debug: ${event.message}`, 'droppable', 'debug');
    },
    failed(error) {
      stackLines(error).forEach((line) => output.notice(line, 'kept', 'debug'));
    },
  };
}

/** `--verbose`: lines with timestamps on stdout. */
export function verboseReporter(output: LineWriter, now: Clock, nameOf: DeviceName): Reporter {
  const log = (line: string): void => output.print(`${timestamp(now())} ${line}`);
  let hosts: HostCount = 'two';
  return {
    started: (task) => {
      hosts = hostsOf(task);
      log(`start: ${describeTask(task)}`);
    },
    event: (event) => eventLines(event, nameOf, hosts).forEach(log),
    finished: (report) => log(`end: ${describeResult(report)}`),
    recorded: (report) => log(`end: ${describeRecord(report)}`),
    found: () => log('end: both devices can be opened'),
    failed: (error) => log(`failed: ${error.message}`),
  };
}

/** The result of a run without an action: one line for each device, on stdout. */
export function deviceReporter(output: LineWriter, nameOf: DeviceName): Reporter {
  return {
    found: ({ local, remote }) =>
      [local, remote].forEach((device) => output.print(describeDevice(device, nameOf))),
  };
}

/** The result of a dry run, on stdout. */
export function dryRunReporter(output: LineWriter): Reporter {
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

/** Whether the user said which of the two devices is the source. */
type SourceKnowledge = 'stated' | 'not stated';

/** The result of a recheck, for stderr. No lines if the devices match. */
export function differenceLines(report: RunReport, nameOf: DeviceName, knowledge: SourceKnowledge): string[] {
  const { source, target, phases, sizesMatch } = report;
  const recheck = phases.find(({ phase }) => phase === 'recheck');
  if (recheck === undefined || (sizesMatch && recheck.differingBytes === 0)) return [];
  const names = `${nameOf(source)} and ${nameOf(target)}`;
  const sizeLines = sizesMatch ? [] : [sizeDifference(report, nameOf, knowledge)];
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
    ...differingRanges.map((range) => `  ${describeRange(range)}`),
    ...(unnamed > 0 ? [`  and ${formatCount(unnamed, 'more range')}`] : []),
  ];
}

/** "at offset 4096: 512 bytes". */
function describeRange({ offsetBytes, lengthBytes }: PhaseReport['differingRanges'][number]): string {
  return `at offset ${offsetBytes}: ${formatExactBytes(lengthBytes)}`;
}

/** What could not be read of the source, for stderr. No lines if everything could. */
export function unreadableLines({ phases, source, dryRun }: RunReport, nameOf: DeviceName): string[] {
  return phases.flatMap(({ phase, unreadableBytes = 0, unreadableRanges = [], unreadableRangeCount = 0 }) => {
    if (unreadableBytes === 0) return [];
    const unnamed = unreadableRangeCount - unreadableRanges.length;
    const outcome =
      phase === 'recheck'
        ? "can't be read, and were not compared"
        : `can't be read, and ${dryRun ? 'would be' : 'were'} left as they are on the target`;
    return [
      `basyn: ${phase}: ${formatExactBytes(unreadableBytes)} in ${formatCount(unreadableRangeCount, 'range')} of ` +
        `${nameOf(source)} ${outcome}:`,
      ...unreadableRanges.map((range) => `  ${describeRange(range)}`),
      ...(unnamed > 0 ? [`  and ${formatCount(unnamed, 'more range')}`] : []),
    ];
  });
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

function eventLines(event: RunEvent, nameOf: DeviceName, hosts: HostCount): string[] {
  switch (event.type) {
    case 'start':
      return [
        `source: ${describeDevice(event.source, nameOf)}`,
        ...(event.target === undefined ? [] : [`target: ${describeDevice(event.target, nameOf)}`]),
      ];
    case 'phase-start':
      return [`${event.phase}: start, ${describeWork(event)} to go through`];
    case 'phase-end':
      return phaseLines(event);
    case 'flushing':
      return [describeFlush(event, hosts)];
    case 'note':
      return [`note: ${event.message}`];
    case 'state-file':
      return [describeStateFile(event)];
    case 'runtime-start':
    case 'runtime-end':
      return [describeRuntime(event)];
    case 'attempt':
      return [describeAttempt(event)];
    case 'unreadable':
      return [`${event.phase}: ${describeRange(event)} of the source can't be read`];
    case 'progress':
    case 'runtime-progress':
    case 'warning':
    case 'remote-stderr':
    case 'debug':
      return [];
  }
}

/** "state file a.bitmap: 512 of 512 buffers of the target are known". */
function describeStateFile({ path, knownBuffers, bufferCount, reason }: StateFileReport): string {
  const known = `${knownBuffers} of ${bufferCount} buffers of the target are known`;
  return `state file ${path}: ${reason === undefined ? known : `not used, because ${reason}`}`;
}

/** On how many hosts the devices of a run are. */
export type HostCount = 'one' | 'two';

export function hostsOf({ options: { host } }: Task): HostCount {
  return host === undefined ? 'one' : 'two';
}

/** "sync: flushing the remote device". On one host, no device is remote. */
export function describeFlush(
  { phase, side }: Extract<RunEvent, { type: 'flushing' }>,
  hosts: HostCount,
): string {
  const what = hosts === 'one' ? 'flushing a device' : `flushing the ${side} device`;
  return phase === undefined ? what : `${phase}: ${what}`;
}

/** "state file a.bitmap describes 512 buffers of /dev/sda1, all done in 8.0 s". */
function describeRecord({ source, stateFile, elapsedMs }: RecordReport): string {
  const buffers = formatCount(stateFile.knownBuffers, 'buffer');
  return `state file ${stateFile.path} describes ${buffers} of ${source.path}, all done in ${formatSeconds(elapsedMs)}`;
}

function describeTask({ kind, options }: Task): string {
  const { local = '', remote: path = '', host } = options;
  const remote = host === undefined ? path : `${host}:${path}`;
  switch (kind) {
    case 'sync': {
      const arrow = options.action === 'push' ? '->' : '<-';
      return `${options.mode} (${options.action}) ${local} ${arrow} ${remote}`;
    }
    case 'recheck':
      return `recheck ${local} and ${remote}`;
    case 'record':
      return `record ${options.action === 'push' ? local : remote} in state file ${options.bitmap}`;
    case 'inspect':
      return `look at ${local} and ${remote}`;
  }
}

function describeResult({ phases, matches, elapsedMs }: RunReport): string {
  const rechecked = phases.some(({ phase }) => phase === 'recheck');
  const isWhole = phases.every(({ unreadableBytes = 0 }) => unreadableBytes === 0);
  const finding = matches ? 'the devices match, ' : isWhole ? 'the devices differ, ' : '';
  const gap = isWhole ? '' : "a part of the source can't be read, ";
  return `${gap}${rechecked ? finding : ''}all done in ${formatSeconds(elapsedMs)}`;
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
