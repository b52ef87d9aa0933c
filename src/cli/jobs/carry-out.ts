import type { Environment, ExitCode } from '../environment.ts';
import { outputFilesOf } from '../output-files.ts';
import { withPage } from '../write-page.ts';
import type { JobsPageReporter } from '../html-report.ts';
import type { Command } from '../options.ts';
import type { LineWriter } from '../output.ts';
import { together } from '../reporter.ts';
import { reportersOfCheck, reportersOfJob } from '../reporters.ts';
import { jsonJobsReporter, ReportersByJob, summaryReporter } from './reporter.ts';
import { JobsMetrics } from '../metrics/jobs-metrics.ts';
import { runJobFile } from './run-job-file.ts';
import { JobsScreen } from './screen.ts';

const jobFile = { what: 'file of jobs', kind: 'file', use: 'read' } as const;

type JobsCommand = Extract<Command, { kind: 'jobs' }>;

/**
 * Carries out a command line with `--jobs`, and writes its page in any case.
 *
 * @throws {BasynError} what kept the jobs from running at all. The failure of a job is in the exit code.
 */
export async function carryOutJobs(
  command: JobsCommand,
  environment: Environment,
  output: LineWriter,
): Promise<ExitCode> {
  if (command.reportPath === undefined) return carryOut(command, environment, output, undefined);
  const { JobsPageReporter } = await import('../html-report.ts');
  const page = new JobsPageReporter(command.reportPath, environment);
  try {
    return withPage(page, await carryOut(command, environment, output, page), output);
  } catch (thrown) {
    withPage(page, 2, output);
    throw thrown;
  }
}

async function carryOut(
  command: JobsCommand,
  environment: Environment,
  output: LineWriter,
  page: JobsPageReporter | undefined,
): Promise<ExitCode> {
  const { request, display, metricsPath } = command;
  const { interruption, uncaught, library } = environment;
  const screen = new JobsScreen(output);
  // Each job adds its own listener, so that a request shows all jobs that run.
  const requests = new Map<string, () => void>();
  environment.onProgressRequest(() => requests.forEach((print) => print()));
  const byJob = new ReportersByJob(
    ({ name, options }) => {
      const onProgressRequest = (print: () => void): void => void requests.set(name, print);
      const { now } = environment;
      const reporters = request.work === 'check' ? reportersOfCheck : reportersOfJob;
      return together(reporters(display, { now, onProgressRequest }, screen.writerOf(name), options.host));
    },
    (endedCount, jobCount) => {
      if (display.progress) screen.showTotal(jobCount === 0 ? '' : `${endedCount} of ${jobCount} jobs done`);
    },
  );
  const whole = display.json ? jsonJobsReporter(output) : summaryReporter(request.work, output);
  let metrics: JobsMetrics | undefined;
  interruption.addEventListener('abort', () => byJob.interrupted(), { once: true });
  const running = runJobFile({
    request,
    commonFiles: [
      ...outputFilesOf(command),
      ...(request.path === '-' ? [] : [{ ...jobFile, path: request.path }]),
    ],
    runJobs: (jobs, options) => library.runJobs(jobs, options),
    environment: process.env,
    signal: interruption,
    debug: display.debug,
    onRead: (known) => {
      if (metricsPath !== undefined) metrics = new JobsMetrics(metricsPath, known);
    },
    explain: (job, error) => byJob.explain(job, error, interruption),
    onStart: (jobs) => {
      byJob.started(jobs);
      page?.started(jobs);
    },
    ...(page !== undefined && { onExtent: page.extent.bind(page) }),
    onEvent: (event) => {
      byJob.event(event);
      whole.event(event);
      page?.event(event);
      if (event.type !== 'job-end') return;
      requests.delete(event.job);
      metrics?.add({ name: event.job, ...event });
    },
  });
  // Jobs that do not end after a signal are given up one by one: their commands have to run.
  const report = await Promise.race([running, uncaught]);
  byJob.finished();
  whole.finished(report);
  page?.finished();
  metrics?.write();
  return report.succeeded ? 0 : 2;
}
