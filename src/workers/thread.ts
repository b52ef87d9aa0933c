import { parentPort } from 'node:worker_threads';
import { assert, BasynError, type ErrorRecord } from '../errors.ts';
import { JobMeter, type JobTimes } from './job-meter.ts';
import { memoryOf, type Job, type JobResults } from './jobs.ts';
import { perform } from './perform.ts';

/** The answer of a thread to a job. Answers have the order of the jobs. */
export type ThreadAnswer =
  | { readonly result: JobResults[Job['kind']]; readonly times: JobTimes }
  | { readonly error: ErrorRecord; readonly stack: string | undefined };

// A worker thread answers one job after another until the pool ends it.
assert(parentPort !== null, 'the program of a thread runs outside a thread');
const port = parentPort;
const meter = new JobMeter();
let last: Promise<void> = Promise.resolve();
port.on('message', (job: Job) => {
  last = last.then(async () => {
    const answer = await answerTo(job);
    port.postMessage(answer, transferablesOf(job, answer));
  });
});

async function answerTo(job: Job): Promise<ThreadAnswer> {
  const end = meter.begin(job);
  try {
    const result = await perform(job);
    return { result, times: end() };
  } catch (thrown) {
    const error = BasynError.from(thrown);
    return { error: error.toRecord(), stack: error.stack };
  }
}

/** The memory that is transferred instead of copied: the memory of the job, and the memory of its result. */
function transferablesOf(job: Job, answer: ThreadAnswer): ArrayBuffer[] {
  if ('error' in answer) return [];
  const { result } = answer;
  const made = 'digests' in result ? result.digests : 'payload' in result ? result.payload : undefined;
  return [...new Set([...memoryOf(job), ...wholeMemoryOf(made)])];
}

/** Views of shared or pooled memory can't be transferred. They are cloned. */
function wholeMemoryOf(bytes: Uint8Array | undefined): ArrayBuffer[] {
  if (bytes === undefined || bytes.byteLength === 0 || !(bytes.buffer instanceof ArrayBuffer)) return [];
  return bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer] : [];
}
