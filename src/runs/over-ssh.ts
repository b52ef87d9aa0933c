import type { Side } from '../errors.ts';
import type { Complete } from '../options/defaults.ts';
import type {
  Connection,
  InspectOptions,
  Observation,
  RecheckOptions,
  RecordOptions,
  SyncOptions,
} from '../options/types.ts';
import type { DeviceReport, RecordReport, RunReport, Traffic } from '../report.ts';
import { inspectBoth, runLocalEnd, type LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import type { PhaseSelector } from '../session/selection.ts';
import { runRecordEnd, type Recording } from '../session/record-source.ts';
import { RunReporter } from '../session/run-reporter.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import type { Recorder } from '../state-file/recorder.ts';
import type { LinkNeeds } from './agent-link.ts';
import { ownLinks, type AgentLinks } from './agent-links.ts';
import { Attempts } from './attempts.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { snapshotsOf } from './snapshots.ts';
import { traceOf } from './trace.ts';

/** What decides what a run reads. */
export interface RunParts {
  /** Undefined where every phase examines everything. */
  readonly select: PhaseSelector | undefined;
  /** Undefined in a run without a state file. */
  readonly recorder: Recorder | undefined;
}

/** A run whose other device is on another host. */
export async function runOverSsh(
  options: Complete<SyncOptions | RecheckOptions>,
  order: Order,
  { select, recorder }: RunParts,
  links?: AgentLinks,
): Promise<RunReport> {
  return withAttempts({ options, order, recorder, links }, options, async (end) => {
    await runLocalEnd({ ...end, select });
    return () => end.reporter.report();
  });
}

/** Makes a state file from a source on another host. */
export async function recordOverSsh(
  options: Complete<RecordOptions>,
  order: Order,
  recording: Recording,
  links?: AgentLinks,
): Promise<RecordReport> {
  const { recorder } = recording;
  return withAttempts({ options, order, recorder, links }, options, async (end) => {
    const stateFile = await runRecordEnd({ ...end, ...recording });
    return () => end.reporter.recordReport(stateFile);
  });
}

/** Opens both devices and returns what they are. */
export async function inspectOverSsh(
  options: Complete<InspectOptions>,
  order: Order,
  links?: AgentLinks,
): Promise<Record<Side, DeviceReport>> {
  return withAttempts(
    { options, order, recorder: undefined, links },
    { retries: 0, retryWaitMs: 0 },
    async (end) => {
      const devices = await inspectBoth(end);
      return () => devices;
    },
  );
}

interface RunOverSsh {
  readonly options: Complete<Connection & Observation>;
  readonly order: Order;
  readonly recorder: Recorder | undefined;
  /** Undefined: the run has links of its own. */
  readonly links: AgentLinks | undefined;
}

/** @param use returns what makes the result, once everything that was started for the run alone has ended. */
async function withAttempts<T>(
  { options, order, recorder, links = ownLinks }: RunOverSsh,
  policy: RetryPolicy,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  throwIfEnded(options.signal);
  const trace = traceOf(options);
  const traffic = (): Traffic => attempts.traffic();
  const reporter = new RunReporter(order, options, traffic, trace);
  const warn = (warnings: readonly string[]): void => reporter.warn(warnings);
  const needs: LinkNeeds = { options, order, trace, warn, prompts: 'allowed' };
  const link = await links.take(needs);
  const snapshots = snapshotsOf(order, policy);
  const attempts = new Attempts({ link, needs, order, recorder, reporter, snapshots, links }, policy);
  try {
    const result = await abortable(
      options.signal,
      () => attempts.abort(),
      () => attempts.run(use),
    );
    return result();
  } finally {
    reporter.stop();
    await snapshots?.abandon();
  }
}
