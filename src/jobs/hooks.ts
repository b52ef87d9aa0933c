import { spawn } from 'node:child_process';
import { BasynError, systemReason } from '../errors.ts';
import { bounds, defaults } from '../limits.ts';
import type { Job, JobHooks } from './job.ts';
import type { JobResult } from './report.ts';

/** When a command runs. */
export type HookName = 'before' | 'after' | 'afterFailure';

/** How a hook is named in messages: as in a file of jobs. */
const titles: Readonly<Record<HookName, string>> = {
  before: 'before',
  after: 'after',
  afterFailure: 'after-failure',
};

/**
 * Runs a hook of a job, if it has one, to its end. A signal to this process does not end it, because it may be the command
 * that thaws a database.
 *
 * @param onLine takes what the command prints.
 * @throws {BasynError} `device`, where it fails, or takes longer than its timeout.
 */
export async function runHook(
  job: Job,
  hook: HookName,
  facts: Partial<JobResult>,
  onLine: (line: string) => void,
): Promise<void> {
  const command = job.hooks?.[hook];
  if (command === undefined) return;
  const problem = await run(command, environmentOf(job, facts), job.hooks, onLine);
  if (problem === undefined) return;
  throw new BasynError('device', `The command "${titles[hook]}" ${problem}: ${command}`);
}

/** The facts about the job, as variables. */
function environmentOf(
  { name, kind, options }: Job,
  { status, error, report }: Partial<JobResult>,
): Record<string, string> {
  const { local = '', remote = '', host = '' } = options;
  const phase = report !== undefined && 'phases' in report ? report.phases[0] : undefined;
  return {
    BASYN_JOB: name,
    BASYN_LOCAL: local,
    BASYN_REMOTE: remote,
    BASYN_HOST: host,
    BASYN_ACTION: 'action' in options ? (options.action ?? '').toUpperCase() : '',
    BASYN_MODE: kind === 'sync' ? options.mode.toUpperCase() : '',
    BASYN_RESULT: status ?? '',
    BASYN_ERROR: error?.message ?? '',
    BASYN_DIFFERING_BYTES: phase === undefined ? '' : `${phase.differingBytes}`,
    BASYN_WRITTEN_BYTES: phase === undefined ? '' : `${phase.writtenBytes}`,
  };
}

/** @returns what went wrong, as the end of a sentence. */
function run(
  command: string,
  variables: Record<string, string>,
  { timeoutMs = defaults.hookTimeoutMs }: JobHooks = {},
  onLine: (line: string) => void,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    // A group of its own: a timeout ends everything that the command has started, and Ctrl-C at a terminal does not reach it.
    const child = spawn('/bin/sh', ['-c', command], {
      detached: true,
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let isOverdue = false;
    const end = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined) killGroup(child.pid, signal);
    };
    const terminate = setTimeout(() => {
      isOverdue = true;
      end('SIGTERM');
    }, timeoutMs);
    const kill = setTimeout(() => end('SIGKILL'), timeoutMs + bounds.hookGraceMs);
    for (const stream of [child.stdout, child.stderr]) forwardLines(stream, onLine);
    const settle = (problem: string | undefined): void => {
      clearTimeout(terminate);
      clearTimeout(kill);
      resolve(problem);
    };
    child.on('error', (error) => settle(`can't be started: ${systemReason(error)}`));
    // `exit`, and not `close`: something in the background may keep the pipes open.
    child.on('exit', (status, signal) => {
      if (isOverdue) settle(`took longer than ${timeoutMs / 1000} seconds and was ended`);
      else if (status === 0) settle(undefined);
      else settle(status === null ? `was ended by ${signal}` : `failed with exit code ${status}`);
    });
  });
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function forwardLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, bounds.stderrLineCharacters);
    lines.forEach((line) => onLine(line.slice(0, bounds.stderrLineCharacters)));
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
