import type { Side } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Observation } from '../options/types.ts';
import { inspectHere, runHere } from '../session/here.ts';
import type { Order } from '../session/order.ts';
import type { DeviceReport, RunEvent, RunReport } from '../session/report.ts';
import { Reporter } from '../session/reporter.ts';
import type { JobRunner, PairJob } from '../workers/jobs.ts';
import { InlineRunner } from '../workers/inline.ts';
import { performOnPair } from '../workers/pair.ts';
import { abortable, throwIfEnded } from './abortable.ts';
import { errorWithoutSides, withoutSides } from './sides.ts';

/** A run whose devices are both on this machine. What is large enough is done by threads, which have ended at the end. */
export async function runOnThisMachine({ onEvent, signal }: Observation, order: Order): Promise<RunReport> {
  let writtenBytes = 0;
  let runner: JobRunner<PairJob> | undefined;
  const isPush = order.localRole === 'source';
  const emit = (event: RunEvent): void =>
    onEvent?.('message' in event ? { ...event, message: withoutSides(event.message) } : event);
  const reporter = new Reporter(order, emit, () => ({
    receivedBytes: isPush ? 0 : writtenBytes,
    transmittedBytes: isPush ? writtenBytes : 0,
  }));
  return abortable(
    signal,
    () => void runner?.close(),
    async () => {
      try {
        await runHere({
          order,
          reporter,
          startRunner: async (sizeBytes) => {
            runner = await runnerFor(sizeBytes);
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
export async function inspectOnThisMachine(
  { signal }: Observation,
  order: Order,
): Promise<Record<Side, DeviceReport>> {
  throwIfEnded(signal);
  try {
    return await inspectHere(order);
  } catch (thrown) {
    throw errorWithoutSides(thrown);
  }
}

/** What is done before a thread has started doesn't load what threads need, either. */
async function runnerFor(sizeBytes: number): Promise<JobRunner<PairJob>> {
  if (sizeBytes <= limits.inlineBytes) return new InlineRunner<PairJob>(performOnPair);
  const [{ WorkerPool }, { threadProgram }] = await Promise.all([
    import('../workers/pool.ts'),
    import('../agent-program.ts'),
  ]);
  return new WorkerPool(threadProgram(), 'local');
}
