import { BasynError, type Side } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { Observation } from '../options/types.ts';
import { inspectOnSameHost, runOnSameHost } from '../same-host/run.ts';
import type { Order } from '../session/order.ts';
import type { DeviceReport, RunReport, Traffic } from '../report.ts';
import type { PhaseSelector } from '../session/selection.ts';
import { RunReporter } from '../session/run-reporter.ts';
import type { JobRunner, SameHostJob } from '../workers/jobs.ts';
import { InlineRunner } from '../workers/inline.ts';
import { performOnSameHost } from '../workers/same-host.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import { traceOf } from './trace.ts';

/** A run whose devices are both on this host. Large runs use threads; these have ended when the run settles. */
export async function runSameHost(
  observation: Observation,
  order: Order,
  select?: PhaseSelector,
): Promise<RunReport> {
  const { signal } = observation;
  let writtenBytes = 0;
  let runner: JobRunner<SameHostJob> | undefined;
  const isPush = order.localRole === 'source';
  const trace = traceOf(observation);
  const traffic = (): Traffic => ({
    receivedBytes: isPush ? 0 : writtenBytes,
    transmittedBytes: isPush ? writtenBytes : 0,
  });
  const reporter = new RunReporter(order, observation, traffic, trace);
  return abortable(
    signal,
    () => void runner?.close(),
    async () => {
      try {
        await runOnSameHost({
          order,
          reporter,
          trace,
          select,
          startRunner: async (sizeBytes) => {
            runner = await runnerFor(sizeBytes, order);
            trace?.(`decision: ${describe(runner)} for ${sizeBytes} bytes`);
            throwIfEnded(signal);
            return runner;
          },
          onWritten: (lengthBytes) => {
            writtenBytes += lengthBytes;
          },
        });
        const target = order.localRole === 'source' ? 'remote' : 'local';
        reporter.clock.sameHostEnds(runner?.times, runner?.parallelism ?? 1, target);
        return reporter.report();
      } catch (thrown) {
        throw BasynError.from(thrown);
      } finally {
        reporter.stop();
        await runner?.close();
      }
    },
  );
}

/** Opens both devices and returns what they are. */
export async function inspectSameHost(
  { signal }: Observation,
  order: Order,
): Promise<Record<Side, DeviceReport>> {
  throwIfEnded(signal);
  try {
    return await inspectOnSameHost(order);
  } catch (thrown) {
    throw BasynError.from(thrown);
  }
}

function describe(runner: JobRunner<SameHostJob>): string {
  return runner instanceof InlineRunner ? 'no threads' : `up to ${runner.parallelism} threads`;
}

/** A run that ends before a thread would have started does not load the thread's program either. */
async function runnerFor(sizeBytes: number, { readBytesPerSecond }: Order): Promise<JobRunner<SameHostJob>> {
  // A limited read blocks its thread.
  if (sizeBytes <= tuning.inlineBytes && readBytesPerSecond === undefined)
    return new InlineRunner<SameHostJob>(performOnSameHost);
  const [{ WorkerPool }, { threadProgram }] = await Promise.all([
    import('../workers/pool.ts'),
    import('../agent-program.ts'),
  ]);
  return new WorkerPool(threadProgram(), 'local');
}
