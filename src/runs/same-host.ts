import type { Side } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Observation } from '../options.ts';
import { inspectOnSameHost, runOnSameHost } from '../same-host/run.ts';
import type { Order } from '../session/order.ts';
import type { DeviceReport, RunEvent, RunReport, Traffic } from '../report.ts';
import { RunReporter } from '../session/run-reporter.ts';
import type { JobRunner, SameHostJob } from '../workers/jobs.ts';
import { InlineRunner } from '../workers/inline.ts';
import { performOnSameHost } from '../workers/same-host.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import { errorWithoutSides, withoutSides } from './sides.ts';
import { traceOf } from './trace.ts';

/** A run whose devices are both on this machine. What is large enough is done by threads, which have ended at the end. */
export async function runSameHost(observation: Observation, order: Order): Promise<RunReport> {
  const { onEvent, signal } = observation;
  let writtenBytes = 0;
  let runner: JobRunner<SameHostJob> | undefined;
  const isPush = order.localRole === 'source';
  const emit = (event: RunEvent): void =>
    onEvent?.('message' in event ? { ...event, message: withoutSides(event.message) } : event);
  const trace = traceOf({ ...observation, onEvent: emit });
  const traffic = (): Traffic => ({
    receivedBytes: isPush ? 0 : writtenBytes,
    transmittedBytes: isPush ? writtenBytes : 0,
  });
  const reporter = new RunReporter(order, emit, traffic, trace);
  return abortable(
    signal,
    () => void runner?.close(),
    async () => {
      try {
        await runOnSameHost({
          order,
          reporter,
          trace,
          startRunner: async (sizeBytes) => {
            runner = await runnerFor(sizeBytes);
            trace?.(`decision: ${describe(runner)} for ${sizeBytes} bytes`);
            throwIfEnded(signal);
            return runner;
          },
          onWritten: (lengthBytes) => {
            writtenBytes += lengthBytes;
          },
        });
        return reporter.report();
      } catch (thrown) {
        throw errorWithoutSides(thrown);
      } finally {
        reporter.stop();
        await runner?.close();
      }
    },
  );
}

/** Opens both devices and says what they are. */
export async function inspectSameHost(order: Order): Promise<Record<Side, DeviceReport>> {
  try {
    return await inspectOnSameHost(order);
  } catch (thrown) {
    throw errorWithoutSides(thrown);
  }
}

function describe(runner: JobRunner<SameHostJob>): string {
  return runner instanceof InlineRunner ? 'no threads' : `up to ${runner.parallelism} threads`;
}

/** What is done before a thread has started doesn't load what threads need, either. */
async function runnerFor(sizeBytes: number): Promise<JobRunner<SameHostJob>> {
  if (sizeBytes <= limits.inlineBytes) return new InlineRunner<SameHostJob>(performOnSameHost);
  const [{ WorkerPool }, { threadProgram }] = await Promise.all([
    import('../workers/pool.ts'),
    import('../agent-program.ts'),
  ]);
  return new WorkerPool(threadProgram(), 'local');
}
