import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { stepCountOf } from '../../src/digest/geometry.ts';
import { BasynError } from '../../src/errors.ts';
import { tuning } from '../../src/limits.ts';
import { runOnSameHost } from '../../src/same-host/run.ts';
import type { Job, JobRunner, ResultOf } from '../../src/workers/jobs.ts';
import { perform } from '../../src/workers/perform.ts';
import { failureOf } from '../support/failure.ts';
import { makeReporter, orderOver, runInMemory } from '../support/memory-session.ts';

/*
 * No caller may wait for a failed job for ever, and every failure must have a caller that waits for it.
 * Otherwise it is an unhandled rejection, which ends the process. Vitest fails these tests for that as well.
 */

/** Jobs are done in any order, and some of them fail immediately, as on a disk with bad sectors. */
class FailingRunner implements JobRunner {
  readonly parallelism = 2;
  readonly isBusy = true;
  readonly #isBad: (job: Job) => boolean;
  readonly #perform: typeof perform;

  constructor(isBad: (job: Job) => boolean, work = perform) {
    this.#isBad = isBad;
    this.#perform = work;
  }

  async run<J extends Job>(job: J): Promise<ResultOf<J>> {
    if (this.#isBad(job)) throw new BasynError('device', 'cannot read local device /dev/sdx: bad spot.');
    await sleep(5);
    return this.#perform(job);
  }

  async close(): Promise<void> {
    // There is no thread to end.
  }
}

/** Digests of a device that is too large to be read in a test. */
async function madeUp<J extends Job>(job: J): Promise<ResultOf<J>> {
  if (job.kind !== 'digest') return perform(job);
  return { digests: new Uint8Array(20 * stepCountOf(job.extents, job.stepBytes)) } as ResultOf<J>;
}

const KiB = 1024;
const GiB = 1024 * 1024 * KiB;

function covers(job: Job, atBytes: number): boolean {
  return job.extents.some(
    ({ offsetBytes, lengthBytes }) => offsetBytes <= atBytes && atBytes < offsetBytes + lengthBytes,
  );
}

describe('a read that fails', () => {
  test.each([
    { where: 'at the start', atBytes: 0 },
    { where: 'in the middle', atBytes: 500 * KiB },
    { where: 'at the end', atBytes: 999 * KiB },
  ])('$where ends a session of any phase with this failure', async ({ atBytes }) => {
    for (const phase of ['sync', 'recheck', 'copy'] as const) {
      for (const localRole of ['source', 'target'] as const) {
        const order = {
          ...orderOver(1000 * KiB, 1000 * KiB),
          phases: [phase],
          localRole,
          // Many more buffers than fit into the window: the first pass has to wait for the peer.
          bufferBytes: 4 * KiB,
          chunkBytes: 4 * KiB,
        };
        const makeRunner = (): JobRunner =>
          new FailingRunner((job) => job.kind !== 'write' && covers(job, atBytes));
        const error = await failureOf(() => runInMemory(order, { makeRunner }));
        expect(error).toMatchObject({ code: 'device' });
      }
    }
  });

  test.each(['source', 'target'] as const)(
    'also ends a session while the first pass waits for the buffer that cannot be read (local %s)',
    async (localRole) => {
      // Of 4096 buffers, no more than 512 are under comparison at once, and the first one never ends.
      const order = { ...orderOver(8 * GiB, 8 * GiB), localRole, bufferBytes: 2 * KiB * KiB };
      const makeRunner = (): JobRunner => new FailingRunner((job) => covers(job, 0), madeUp);
      expect(await failureOf(() => runInMemory(order, { makeRunner }))).toMatchObject({ code: 'device' });
    },
    5000,
  );

  test.each(['sync', 'copy', 'recheck'] as const)(
    'ends a %s on one machine with this failure',
    async (phase) => {
      const sizeBytes = 10 * tuning.jobBytes;
      for (const atBytes of [0, 3 * tuning.jobBytes, sizeBytes - 1]) {
        const runner = new FailingRunner((job) => covers(job, atBytes));
        const order = { ...orderOver(sizeBytes, sizeBytes), phases: [phase] };
        // A hole would not be read.
        writeFileSync(order.localPath, Buffer.alloc(sizeBytes));
        const reporter = makeReporter();
        const here = {
          order,
          reporter,
          startRunner: () => Promise.resolve(runner),
          trace: undefined,
          onWritten: () => undefined,
        };
        expect(await failureOf(() => runOnSameHost(here))).toMatchObject({ code: 'device' });
        reporter.stop();
      }
    },
  );
});
