import type { Task } from '../options/task.ts';

/** A run with a name. */
export type Job = Task & {
  /** Unique among the jobs that run together. */
  readonly name: string;
  readonly hooks?: JobHooks | undefined;
};

/**
 * Commands that the shell runs on this machine around a job, with facts about it in their environment (see hooks.ts). One
 * that fails makes the job a failed one.
 */
export interface JobHooks {
  /** Before the job. If it fails, the job is skipped. */
  readonly before?: string | undefined;
  /** When the job has failed, also because of `after`, or was skipped. It is the last command. */
  readonly afterFailure?: string | undefined;
  /** When the job has ended, in any case, also after a signal. */
  readonly after?: string | undefined;
  /** Of each command. 1000 to 86400000, default 600000. */
  readonly timeoutMs?: number | undefined;
}
