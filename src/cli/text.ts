import { inspect } from 'node:util';
import type { DeviceReport, PhaseReport, RunEvent, RunReport } from '../session/report.ts';
import { bytesPerSecond, formatCount, formatExactBytes, formatSeconds, formatSpeed } from './format.ts';
import type { Task } from './options.ts';
import type { Output } from './output.ts';
import type { Reporter } from './reporter.ts';

/** Milliseconds since 1970, as `Date.now()` gives them. */
export type Clock = () => number;

/** What is told on stderr in any case: warnings, the remote side's own stderr, failures, differences. */
export function noticeReporter(output: Output): Reporter {
  return {
    event(event) {
      if (event.type === 'warning') output.notice(`basyn: warning: ${event.message}`);
      // ssh ends its lines with CR LF.
      if (event.type === 'remote-stderr') output.notice(`remote: ${event.line.replace(/\r$/, '')}`);
    },
    finished(report) {
      differenceLines(report).forEach((line) => output.notice(line));
    },
    failed(error) {
      output.notice(`basyn: ${error.message}`);
    },
  };
}

/** `--debug`: the trace, and where an error comes from, on stderr. */
export function debugReporter(output: Output, now: Clock): Reporter {
  return {
    event(event) {
      if (event.type === 'debug') output.notice(`${new Date(now()).toISOString()} debug: ${event.message}`);
    },
    failed(error) {
      stackLines(error).forEach((line) => output.notice(line));
    },
  };
}

/** `--verbose`: timestamped lines on stdout. */
export function verboseReporter(output: Output, now: Clock): Reporter {
  const log = (line: string): void => output.print(`${timestamp(now())} ${line}`);
  return {
    started: (task) => log(`start: ${describeTask(task)}`),
    event: (event) => eventLines(event).forEach(log),
    finished: (report) => log(`end: ${describeResult(report)}`),
    found: () => log('end: both devices can be opened'),
    failed: (error) => log(`failed: ${error.message}`),
  };
}

/** The answer to a run without an action: a line for each device, on stdout. */
export function deviceReporter(output: Output): Reporter {
  return {
    found: ({ local, remote }) => [local, remote].forEach((device) => output.print(describeDevice(device))),
  };
}

/** What a dry run found, on stdout. */
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
export function describeDevice({ side, path, kind, sizeBytes }: DeviceReport): string {
  return `${side} ${path}: ${kind}, ${formatExactBytes(sizeBytes)}`;
}

/** "sync: 4096 bytes (4.0 KiB) in 1.0 s (4.0 KiB/s), 512 bytes in 1 range differed, 512 bytes written". */
export function describePhase(report: PhaseReport): string {
  const { phase, sizeBytes, elapsedMs } = report;
  const speed = formatSpeed(bytesPerSecond(sizeBytes, elapsedMs));
  return `${phase}: ${formatExactBytes(sizeBytes)} in ${formatSeconds(elapsedMs)} (${speed}), ${describeOutcome(report)}`;
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

/** What a recheck found, for stderr; nothing where the devices match. */
export function differenceLines({ source, target, phases, matches }: RunReport): string[] {
  if (matches) return [];
  const recheck = phases.find(({ phase }) => phase === 'recheck');
  const names = `${source.side} ${source.path} and ${target.side} ${target.path}`;
  if (recheck === undefined) return [`basyn: The devices differ: ${names}.`];
  const { differingBytes, differingRanges, differingRangeCount } = recheck;
  const unnamed = differingRangeCount - differingRanges.length;
  return [
    `basyn: The devices differ: ${formatExactBytes(differingBytes)} in ` +
      `${formatCount(differingRangeCount, 'range')} of ${names}.`,
    ...differingRanges.map(
      ({ offsetBytes, lengthBytes }) => `  at offset ${offsetBytes}: ${formatExactBytes(lengthBytes)}`,
    ),
    ...(unnamed > 0 ? [`  and ${formatCount(unnamed, 'more range')}`] : []),
  ];
}

function eventLines(event: RunEvent): string[] {
  switch (event.type) {
    case 'start':
      return [`source: ${describeDevice(event.source)}`, `target: ${describeDevice(event.target)}`];
    case 'phase-start':
      return [`${event.phase}: start, ${formatExactBytes(event.sizeBytes)} to go through`];
    case 'phase-end':
      return [describePhase(event)];
    case 'note':
      return [`note: ${event.message}`];
    case 'progress':
    case 'warning':
    case 'remote-stderr':
    case 'debug':
      return [];
  }
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

function timestamp(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}
