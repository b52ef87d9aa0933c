import type { Side } from '../errors.ts';
import type { Complete } from '../options/defaults.ts';
import type { InspectOptions, RecheckOptions, SyncOptions } from '../options/types.ts';
import type { DeviceReport, RunReport, Traffic } from '../report.ts';
import { inspectBoth, runLocalEnd, type LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import { RunReporter } from '../session/run-reporter.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import { Attempt } from './attempt.ts';
import { traceOf } from './trace.ts';

/** A run whose other device is on another host. */
export async function runOverSsh(
  options: Complete<SyncOptions | RecheckOptions>,
  order: Order,
): Promise<RunReport> {
  return withAttempt(options, order, async (end) => {
    await runLocalEnd(end);
    return () => end.reporter.report();
  });
}

/** Opens both devices and returns what they are. */
export async function inspectOverSsh(
  options: Complete<InspectOptions>,
  order: Order,
): Promise<Record<Side, DeviceReport>> {
  return withAttempt(options, order, async (end) => {
    const devices = await inspectBoth(end);
    return () => devices;
  });
}

/** @param use returns what makes the result, once everything that was started has ended. */
async function withAttempt<T>(
  options: Complete<InspectOptions>,
  order: Order,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  throwIfEnded(options.signal);
  const trace = traceOf(options);
  const traffic = (): Traffic => attempt.traffic();
  const reporter = new RunReporter(order, options.onEvent ?? ignore, traffic, trace);
  const attempt = new Attempt({ options, order, reporter, trace });
  try {
    const result = await abortable(
      options.signal,
      () => attempt.abort(),
      () => attempt.run(use),
    );
    return result();
  } finally {
    reporter.stop();
  }
}

const ignore = (): void => undefined;
