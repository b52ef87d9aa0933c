import type { Job } from '../jobs/job.ts';
import type { JobsReport } from '../jobs/report.ts';
import { requireValid, runJobs, type JobsOptions } from '../jobs/run-jobs.ts';
import { SharedLinks } from '../runs/agent-links.ts';
import { performTask } from './perform.ts';

/**
 * Runs jobs. One login to a host serves the jobs that run there one after the other.
 *
 * @throws {BasynError} `usage`, before anything is opened.
 */
export async function performJobs(jobs: readonly Job[], options: JobsOptions): Promise<JobsReport> {
  requireValid(jobs);
  const links = new SharedLinks();
  try {
    return await runJobs(jobs, options, (task, observation) => performTask(task, observation, links));
  } finally {
    await links.close();
  }
}
