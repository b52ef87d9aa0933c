import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { runHook } from '../../src/jobs/hooks.ts';
import type { Job, JobHooks } from '../../src/jobs/job.ts';
import { scratchDirectory } from '../support/scratch.ts';

function jobWith(hooks: JobHooks): Job {
  return {
    name: 'mail',
    kind: 'sync',
    options: { local: '/a', remote: '/b', host: 'backup', action: 'push', mode: 'sync' },
    hooks,
  };
}

describe('a command of a job', () => {
  test('has the facts of the job in its environment, and what it prints is passed on', async () => {
    const lines: string[] = [];
    const after =
      'echo "$BASYN_JOB $BASYN_ACTION $BASYN_MODE $BASYN_LOCAL $BASYN_REMOTE $BASYN_HOST $BASYN_RESULT"; echo "$BASYN_ERROR" >&2; printf end';
    const facts = { status: 'failed', error: new BasynError('device', 'It is gone.') } as const;
    await runHook(jobWith({ after }), 'after', facts, (line) => lines.push(line));
    expect(lines.sort()).toEqual(['It is gone.', 'end', 'mail PUSH SYNC /a /b backup failed']);
  });

  test.each([
    ['exit 3', /The command "before" failed with exit code 3: exit 3$/],
    ['kill -9 $$', /The command "before" was ended by SIGKILL: /],
  ])('fails with its status: %s', async (before, problem) => {
    await expect(runHook(jobWith({ before }), 'before', {}, () => undefined)).rejects.toThrow(problem);
  });

  test('is ended with everything that it has started, if it takes too long', async () => {
    const file = join(scratchDirectory(), 'pid');
    const before = `sleep 60 & echo $! > ${file}; wait`;
    const running = runHook(jobWith({ before, timeoutMs: 1_000 }), 'before', {}, () => undefined);
    await expect(running).rejects.toThrow(/took longer than 1 seconds and was ended/);
    const pid = Number(readFileSync(file, 'utf8'));
    // Where no process collects the dead of others, a zombie remains.
    await expect.poll(() => processState(pid)).toMatch(/^Z?$/);
  });

  test('does not hold up the job with what it leaves in the background', async () => {
    await runHook(jobWith({ before: 'sleep 2 & exit 0' }), 'before', {}, () => undefined);
  });
});

/** Its letter in /proc. Empty where it is gone. */
function processState(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}
