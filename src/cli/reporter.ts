import type { BasynError } from '../errors.ts';
import type { DeviceReport, ExtentFact, RecordReport, RunEvent, RunReport } from '../report.ts';
import type { Task } from '../options/task.ts';

/** Both devices, as a run without an action finds them. */
export interface Devices {
  readonly local: DeviceReport;
  readonly remote: DeviceReport;
}

/** Prints the events of a run in one form. `finished`, `recorded`, `found` or `failed` is the last call. */
export interface Reporter {
  started?(task: Task): void;
  event?(event: RunEvent): void;
  /** A reporter without this method costs the run nothing. */
  extent?(fact: ExtentFact): void;
  /** A signal has arrived, so the run is about to fail. */
  interrupted?(): void;
  finished?(report: RunReport): void;
  recorded?(report: RecordReport): void;
  found?(devices: Devices): void;
  failed?(error: BasynError): void;
}

/** Several reporters as one; each hears everything, in the given order. */
export function together(reporters: readonly Reporter[]): Required<Reporter> {
  return {
    started: (task) => reporters.forEach((reporter) => reporter.started?.(task)),
    event: (event) => reporters.forEach((reporter) => reporter.event?.(event)),
    extent: (fact) => reporters.forEach((reporter) => reporter.extent?.(fact)),
    interrupted: () => reporters.forEach((reporter) => reporter.interrupted?.()),
    finished: (report) => reporters.forEach((reporter) => reporter.finished?.(report)),
    recorded: (report) => reporters.forEach((reporter) => reporter.recorded?.(report)),
    found: (devices) => reporters.forEach((reporter) => reporter.found?.(devices)),
    failed: (error) => reporters.forEach((reporter) => reporter.failed?.(error)),
  };
}
