import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import type { Job, JobRunner, ResultOf } from '../../src/workers/jobs.ts';
import { perform } from '../../src/workers/perform.ts';
import { failureOf } from '../support/failure.ts';
import { orderOver, runInMemory } from '../support/memory-session.ts';

const sizeBytes = 8 * 1024 * 1024;

/** One write fails immediately. Ending the threads takes time, during which the conversation continues. */
class FailingRunner implements JobRunner {
  readonly parallelism = 2;
  readonly isBusy = true;
  #hasFailed = false;

  async run<J extends Job>(job: J): Promise<ResultOf<J>> {
    if (job.kind !== 'write' || job.extents[0]?.offsetBytes !== 0) return perform(job);
    this.#hasFailed = true;
    throw new BasynError('device', 'cannot write remote device /dev/sdx: bad spot.');
  }

  async close(): Promise<void> {
    if (this.#hasFailed) await sleep(200);
  }
}

test.each(['source', 'target'] as const)(
  'a target whose write has failed reports that, and never sends "finished" (local %s)',
  async (localRole) => {
    const order = { ...orderOver(sizeBytes, sizeBytes), localRole, phases: ['copy'] as const };
    const makeRunner = (): JobRunner => new FailingRunner();
    expect(await failureOf(() => runInMemory(order, { makeRunner }))).toMatchObject({
      code: 'device',
      message: 'cannot write remote device /dev/sdx: bad spot.',
    });
  },
);
