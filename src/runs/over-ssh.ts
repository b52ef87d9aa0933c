import type { Side } from '../errors.ts';
import type { Complete } from '../options/defaults.ts';
import type { InspectOptions, RecheckOptions, SyncOptions } from '../options/types.ts';
import type { DeviceReport, RunReport, Traffic } from '../report.ts';
import { inspectBoth, runLocalEnd, type LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import type { PhaseSelector } from '../session/selection.ts';
import { RunReporter } from '../session/run-reporter.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import { Attempts } from './attempts.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { traceOf } from './trace.ts';

/** A run whose other device is on another host. */
export async function runOverSsh(
  options: Complete<SyncOptions | RecheckOptions>,
  order: Order,
  select?: PhaseSelector,
): Promise<RunReport> {
  return withAttempts(options, order, options, async (end) => {
    await runLocalEnd({ ...end, select });
    return () => end.reporter.report();
  });
}

/** Opens both devices and returns what they are. */
export async function inspectOverSsh(
  options: Complete<InspectOptions>,
  order: Order,
): Promise<Record<Side, DeviceReport>> {
  return withAttempts(options, order, { retries: 0, retryWaitMs: 0 }, async (end) => {
    const devices = await inspectBoth(end);
    return () => devices;
  });
}

/** @param use returns what makes the result, once everything that was started has ended. */
async function withAttempts<T>(
  options: Complete<InspectOptions>,
  order: Order,
  policy: RetryPolicy,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  throwIfEnded(options.signal);
  const trace = traceOf(options);
  const traffic = (): Traffic => attempts.traffic();
  const reporter = new RunReporter(order, options.onEvent ?? ignore, traffic, trace);
  const attempts = new Attempts({ options, order, reporter, trace }, policy);
  try {
    const result = await abortable(
      options.signal,
      () => attempts.abort(),
      () => attempts.run(use),
    );
    return result();
  } finally {
    reporter.stop();
  }
}

const ignore = (): void => undefined;
