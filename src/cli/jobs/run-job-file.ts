import { readFileSync, statSync } from 'node:fs';
import { BasynError, systemReason } from '../../errors.ts';
import { LastResults, stateDirectoryOf } from '../../jobs/last-results.ts';
import { readJobs, type JobFile } from '../../job-file/read-jobs.ts';
import { fileWording } from '../../job-file/read-options.ts';
import type { Job } from '../../jobs/job.ts';
import type { JobEvent, JobsReport } from '../../jobs/report.ts';
import { requireSeparate, type JobsOptions } from '../../jobs/run-jobs.ts';
import { bounds } from '../../limits.ts';
import type { RunSignal } from '../../report.ts';
import type { KnownJobs } from '../metrics/jobs-metrics.ts';
import type { NamedFile } from '../../separate-files.ts';
import { refuseScpNotation } from '../scp-notation.ts';
import { checkOf } from './check.ts';
import type { JobsRequest } from './request.ts';

export interface JobFileRun {
  readonly request: JobsRequest;
  /** What no job names, and the command line does. */
  readonly commonFiles: readonly NamedFile[];
  readonly runJobs: (jobs: readonly Job[], options: JobsOptions) => Promise<JobsReport>;
  readonly environment: NodeJS.ProcessEnv;
  /** Takes what is known when all jobs are known to be valid, and nothing has begun. */
  readonly onRead: (known: KnownJobs) => void;
  readonly explain: (job: string, error: BasynError) => BasynError;
  readonly onStart: (jobs: readonly Job[]) => void;
  readonly onEvent: (event: JobEvent) => void;
  readonly onExtent?: JobsOptions['onExtent'];
  readonly signal: RunSignal;
  readonly debug: boolean;
}

/**
 * Reads a file of jobs, and runs or checks those that are asked for.
 *
 * @throws {BasynError} `usage`, where the file is invalid; `refused`, where its jobs are running already.
 */
export async function runJobFile(run: JobFileRun): Promise<JobsReport> {
  const { request } = run;
  const file = readJobs(nameOf(request.path), readText(request.path));
  const wanted = selectJobs(file.jobs, request);
  if (request.work === 'check' || request.path === '-') return runWanted(run, file, wanted, undefined);
  const results = await LastResults.open(stateDirectoryOf(run.environment), request.path);
  try {
    const jobs =
      request.selection === 'all' ? wanted : wanted.filter((job) => results.of(job)?.status !== 'succeeded');
    return await runWanted(run, file, jobs, results);
  } finally {
    results.close();
  }
}

async function runWanted(
  { request, commonFiles, runJobs, explain, onRead, onStart, onEvent, onExtent, signal, debug }: JobFileRun,
  file: JobFile,
  jobs: readonly Job[],
  results: LastResults | undefined,
): Promise<JobsReport> {
  for (const job of file.jobs) refuseScpNotation(job, fileWording);
  // Two jobs may be wrong together although only one of them is asked for.
  requireSeparate(file.jobs, commonFiles);
  onRead({ path: request.path, jobs: file.jobs, lastOf: (job) => results?.of(job) });
  results?.begin(jobs);
  const byName = new Map(jobs.map((job) => [job.name, job]));
  onStart(jobs);
  return runJobs(request.work === 'check' ? jobs.flatMap(checkOf) : jobs, {
    parallel: request.parallel ?? file.parallel,
    parallelByHost: file.parallelByHost,
    shareDisks: file.shareDisks,
    explain,
    signal,
    debug,
    onExtent,
    onEvent: (event) => {
      if (event.type === 'job-end') results?.add(byName.get(event.job)!, event);
      onEvent(event);
    },
  });
}

/** The job of a name, and all jobs of the pattern that has this name. */
function selectJobs(jobs: readonly Job[], { only, path }: JobsRequest): readonly Job[] {
  const isMeant = (name: string, wanted: string): boolean => name === wanted || name.startsWith(`${wanted}/`);
  const unknown = only.find((wanted) => !jobs.some(({ name }) => isMeant(name, wanted)));
  if (unknown !== undefined) {
    throw new BasynError('usage', `${nameOf(path)} has no job ${JSON.stringify(unknown)}: ${namesOf(jobs)}.`);
  }
  return only.length === 0 ? jobs : jobs.filter(({ name }) => only.some((wanted) => isMeant(name, wanted)));
}

function namesOf(jobs: readonly Job[]): string {
  const names = [...new Set(jobs.map(({ name }) => name.split('/')[0]))];
  return `there are ${names.slice(0, 10).join(', ')}${names.length > 10 ? ' and others' : ''}`;
}

function nameOf(path: string): string {
  return path === '-' ? 'stdin' : path;
}

function readText(path: string): string {
  try {
    if (path !== '-' && statSync(path).size > bounds.maxJobFileBytes) throw tooLong(path);
    const text = readFileSync(path === '-' ? 0 : path, 'utf8');
    if (text.length > bounds.maxJobFileBytes) throw tooLong(path);
    return text;
  } catch (error) {
    if (error instanceof BasynError) throw error;
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw new BasynError('usage', `${nameOf(path)} can't be read: ${reason}.`, {}, { cause: error });
  }
}

function tooLong(path: string): BasynError {
  return new BasynError('usage', `${nameOf(path)} is longer than ${bounds.maxJobFileBytes} bytes.`);
}
