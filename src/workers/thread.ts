import { parentPort } from 'node:worker_threads';
import { assert, BasynError, type ErrorRecord } from '../errors.ts';
import type { Job, JobResults } from './jobs.ts';
import { perform } from './perform.ts';

/** What a thread answers to a job, in the order in which the jobs came. */
export type ThreadAnswer =
  | { readonly result: JobResults[Job['kind']] }
  | { readonly error: ErrorRecord; readonly stack: string | undefined };

// The whole life of a worker thread: a job in, an answer out, until the pool ends it.
assert(parentPort !== null, 'the program of a thread, outside a thread');
const port = parentPort;
let last: Promise<void> = Promise.resolve();
port.on('message', (job: Job) => {
  last = last.then(async () => {
    const answer = await answerTo(job);
    port.postMessage(answer, transferablesOf(answer));
  });
});

async function answerTo(job: Job): Promise<ThreadAnswer> {
  try {
    return { result: await perform(job) };
  } catch (thrown) {
    const error = BasynError.from(thrown);
    return { error: error.toRecord(), stack: error.stack };
  }
}

/** The bytes change hands instead of being copied. Views of a shared or pooled memory can't: they are cloned. */
function transferablesOf(answer: ThreadAnswer): ArrayBuffer[] {
  if ('error' in answer) return [];
  const bytes =
    'digests' in answer.result
      ? answer.result.digests
      : 'payload' in answer.result
        ? answer.result.payload
        : undefined;
  const isWhole =
    bytes !== undefined &&
    bytes.buffer instanceof ArrayBuffer &&
    bytes.byteLength === bytes.buffer.byteLength;
  return isWhole && bytes.byteLength > 0 ? [bytes.buffer] : [];
}
