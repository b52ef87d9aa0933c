import { monotonicMs } from '../clock.ts';
import { BasynError, runEnded } from '../errors.ts';
import type { Task } from '../options/task.ts';
import type { Observation } from '../options/types.ts';
import type { ExtentFact, RunEvent, RunSignal } from '../report.ts';
import { runHook, type HookName } from './hooks.ts';
import type { Job } from './job.ts';
import type { JobEvent, JobResult, ReportOfJob } from './report.ts';

/** Runs one job without its commands: the library's functions. */
export type JobRun = (task: Task, observation: Observation) => Promise<ReportOfJob>;

/** What all jobs have in common. */
export interface JobContext {
  readonly run: JobRun;
  readonly onEvent?: ((event: JobEvent) => void) | undefined;
  readonly onExtent?: ((job: string, fact: ExtentFact) => void) | undefined;
  readonly explain?: ((job: string, error: BasynError) => BasynError) | undefined;
  readonly debug?: boolean | undefined;
  readonly signal?: RunSignal | undefined;
  /** Rejects when a job that was asked to end is not waited for any more. */
  readonly givenUp: Promise<never>;
}

/** Runs a job between its commands. Never rejects because of the job. */
export async function runJob(job: Job, context: JobContext): Promise<JobResult> {
  const { name } = job;
  const start = { wallMs: Date.now(), monotonicMs: monotonicMs() };
  context.onEvent?.({ type: 'job-start', job: name });
  const outcome =
    context.signal?.aborted === true
      ? ({ status: 'skipped', error: runEnded(), attempts: 0 } as const)
      : await runWithHooks(job, context);
  const end = { ...outcome, startedMs: start.wallMs, elapsedMs: monotonicMs() - start.monotonicMs };
  context.onEvent?.({ type: 'job-end', job: name, ...end });
  return { name, ...end };
}

type Outcome = Pick<JobResult, 'status' | 'report' | 'error' | 'attempts'>;

/** `after` runs in any case. `afterFailure` is last, because `after` may fail as well. */
async function runWithHooks(job: Job, context: JobContext): Promise<Outcome> {
  const hook = (name: HookName, facts: Partial<JobResult>): Promise<void> =>
    runHook(job, name, facts, (line) => context.onEvent?.({ type: 'hook-output', job: job.name, line }));
  let outcome = await skippedIfFails(() => hook('before', {}));
  if (outcome.status === 'succeeded') outcome = await outcomeOf(job, context);
  const ofRun = outcome;
  outcome = await failedIfFails(ofRun, () => hook('after', ofRun));
  if (outcome.status === 'succeeded') return outcome;
  const ofJob = outcome;
  return failedIfFails(ofJob, () => hook('afterFailure', ofJob));
}

async function outcomeOf(
  job: Job,
  { run, onEvent, onExtent, explain, signal, debug, givenUp }: JobContext,
): Promise<Outcome> {
  let attempts = 1;
  const listener = (event: RunEvent): void => {
    if (event.type === 'attempt') ({ attempt: attempts } = event);
    onEvent?.({ job: job.name, ...event });
  };
  const extents = onExtent && { onExtent: (fact: ExtentFact) => onExtent(job.name, fact) };
  try {
    const report = await Promise.race([run(job, { onEvent: listener, ...extents, signal, debug }), givenUp]);
    const differs = 'matches' in report && !report.matches;
    return { status: differs ? 'failed' : 'succeeded', report, attempts };
  } catch (thrown) {
    const error = BasynError.from(thrown);
    return { status: 'failed', error: explain?.(job.name, error) ?? error, attempts };
  }
}

async function skippedIfFails(work: () => Promise<void>): Promise<Outcome> {
  try {
    await work();
    return { status: 'succeeded', attempts: 0 };
  } catch (thrown) {
    return { status: 'skipped', error: BasynError.from(thrown), attempts: 0 };
  }
}

/** A command that fails afterwards makes the job a failed one. What failed before it is reported first. */
async function failedIfFails(outcome: Outcome, work: () => Promise<void>): Promise<Outcome> {
  try {
    await work();
    return outcome;
  } catch (thrown) {
    const status = outcome.status === 'skipped' ? 'skipped' : 'failed';
    return { ...outcome, status, error: outcome.error ?? BasynError.from(thrown) };
  }
}
