import { jsonDebugReporter, jsonReporter } from './json.ts';
import type { Display } from './options.ts';
import type { LineWriter } from './output.ts';
import { ProgressOnRequest, ProgressReporter } from './progress.ts';
import type { Reporter } from './reporter.ts';
import { statReporter } from './stat.ts';
import {
  type Clock,
  debugReporter,
  deviceNames,
  deviceReporter,
  dryRunReporter,
  noticeReporter,
  verboseReporter,
} from './text.ts';

/** What reporters need of the world around the command. */
export interface ReporterEnvironment {
  readonly version: string;
  readonly now: Clock;
  /** Takes who is called when the user asks for the progress (SIGUSR1). */
  readonly onProgressRequest: (listener: () => void) => void;
}

/** The reporters of one run. The progress comes first, to leave the terminal's line before others write. */
export function reportersOf(
  display: Display,
  { now, version, onProgressRequest }: ReporterEnvironment,
  output: LineWriter,
  host?: string,
): Reporter[] {
  const json = [jsonReporter(output, now, version), ...(display.debug ? [jsonDebugReporter(output)] : [])];
  return [
    ...progressReporters(display, { now, onProgressRequest }, output),
    ...(display.json ? json : textReporters(display, now, output, host)),
    ...noticeReporters(display, now, output, host),
  ];
}

/** The reporters of one job of several. Its events are in the JSON of all jobs. */
export function reportersOfJob(
  display: Display,
  environment: Pick<ReporterEnvironment, 'now' | 'onProgressRequest'>,
  output: LineWriter,
  host: string | undefined,
): Reporter[] {
  return [
    ...progressReporters(display, environment, output),
    ...(display.json ? [] : textReporters(display, environment.now, output, host)),
    ...noticeReporters(display, environment.now, output, host),
  ];
}

/** The reporters of one job whose devices are only opened. */
export function reportersOfCheck(
  display: Display,
  { now }: Pick<ReporterEnvironment, 'now'>,
  output: LineWriter,
  host: string | undefined,
): Reporter[] {
  return noticeReporters(display, now, output, host);
}

function progressReporters(
  { progress }: Display,
  { now, onProgressRequest }: Pick<ReporterEnvironment, 'now' | 'onProgressRequest'>,
  output: LineWriter,
): Reporter[] {
  const onRequest = new ProgressOnRequest(output, now);
  onProgressRequest(() => onRequest.print());
  return [...(progress ? [new ProgressReporter(output, now)] : []), onRequest];
}

function textReporters(
  { verbose, stat }: Display,
  now: Clock,
  output: LineWriter,
  host: string | undefined,
): Reporter[] {
  const nameOf = deviceNames(host);
  return [
    ...(verbose ? [verboseReporter(output, now, nameOf)] : []),
    deviceReporter(output, nameOf),
    dryRunReporter(output),
    ...(stat ? [statReporter(output)] : []),
  ];
}

function noticeReporters(
  { debug }: Display,
  now: Clock,
  output: LineWriter,
  host: string | undefined,
): Reporter[] {
  return [noticeReporter(output, deviceNames(host)), ...(debug ? [debugReporter(output, now)] : [])];
}
