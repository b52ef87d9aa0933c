import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { lockFile, syncDirectory } from '../device/device.ts';
import { BasynError, systemReason } from '../errors.ts';
import { isDryRun } from '../options/written-side.ts';
import { Replacement } from '../replacement.ts';
import type { Job } from './job.ts';
import type { JobResult } from './report.ts';

const version = 1;

const lastResultSchema = v.object({
  /** `begun`: it is to run, or was when its run was killed. */
  status: v.picklist(['succeeded', 'failed', 'skipped', 'begun']),
  /** What the job did. A job of the same name that does something else has not run yet. */
  work: v.string(),
  /** Milliseconds since 1970. */
  endedMs: v.number(),
  /** When it last succeeded. Left out: never. */
  succeededMs: v.optional(v.number()),
});
const fileSchema = v.object({
  version: v.literal(version),
  /** The file of jobs, for users who look into the directory. */
  file: v.string(),
  jobs: v.record(v.string(), lastResultSchema),
});

export type LastResult = v.InferOutput<typeof lastResultSchema>;

/**
 * Where results are kept: `$STATE_DIRECTORY`, which systemd sets, or the user's directory for state. Root uses the directory of
 * the service where there is one: by hand, root repeats what has failed in the service.
 */
export function stateDirectoryOf(
  { STATE_DIRECTORY, XDG_STATE_HOME, HOME }: NodeJS.ProcessEnv,
  serviceDirectory = '/var/lib/basyn',
): string {
  // systemd separates several directories by colons.
  const [given] = (STATE_DIRECTORY ?? '').split(':');
  if (isSet(given)) return given;
  if (process.getuid?.() === 0 && existsSync(serviceDirectory)) return serviceDirectory;
  const home = isSet(HOME) ? HOME : '/root';
  return join(isSet(XDG_STATE_HOME) ? XDG_STATE_HOME : join(home, '.local/state'), 'basyn');
}

/** An empty variable counts as one that is not set, as the XDG specification says. */
function isSet(variable: string | undefined): variable is string {
  return variable !== undefined && variable !== '';
}

/**
 * The results of the last run of each job of a file. While it is open, no other run of the same file can open it.
 */
export class LastResults {
  readonly #path: string;
  readonly #jobsFile: string;
  readonly #directory: string;
  readonly #lockFd: number;
  readonly #jobs: Record<string, LastResult>;

  private constructor(directory: string, jobsFile: string, path: string, lockFd: number) {
    this.#directory = directory;
    this.#jobsFile = jobsFile;
    this.#path = path;
    this.#lockFd = lockFd;
    this.#jobs = readResults(path);
  }

  /**
   * @param jobsFile is resolved, so that its names count as one.
   * @throws {BasynError} `refused`, where another run has it open; `device`, where it can't be read or locked.
   */
  static async open(directory: string, jobsFile: string): Promise<LastResults> {
    const realPath = realpathSync(jobsFile);
    const id = createHash('sha256').update(realPath).digest('hex').slice(0, 16);
    const lockPath = join(directory, `${id}.lock`);
    const fd = inState(lockPath, () => {
      makeDirectory(directory);
      return openSync(lockPath, constants.O_RDWR | constants.O_CREAT, 0o600);
    });
    const lock = await lockFile(fd);
    if (lock === 'locked') {
      try {
        return new LastResults(directory, realPath, join(directory, `${id}.json`), fd);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    }
    closeSync(fd);
    if (lock === 'held by another') {
      throw new BasynError('refused', `The jobs of ${jobsFile} are running already: nothing was started.`);
    }
    throw new BasynError(
      'device',
      `${lockPath} can't be locked, so a second run of the jobs would not be noticed.`,
    );
  }

  /** Undefined for a job that has never run. */
  of(job: Job): LastResult | undefined {
    const last = this.#jobs[job.name];
    return last?.work === workOf(job) ? last : undefined;
  }

  /** These jobs are to run. If the process is killed before they end, they count as failed. */
  begin(jobs: readonly Job[]): void {
    const endedMs = Date.now();
    for (const job of jobs.filter(isRecorded)) this.#set(job, 'begun', endedMs, this.of(job)?.succeededMs);
    inState(this.#path, () => this.#write());
  }

  /** Takes the result of a job, and writes all of them to the disk. */
  add(
    job: Job,
    { status, startedMs, elapsedMs }: Pick<JobResult, 'status' | 'startedMs' | 'elapsedMs'>,
  ): void {
    if (!isRecorded(job)) return;
    const endedMs = Math.round(startedMs + elapsedMs);
    this.#set(job, status, endedMs, status === 'succeeded' ? endedMs : this.of(job)?.succeededMs);
    inState(this.#path, () => this.#write());
  }

  #set(job: Job, status: LastResult['status'], endedMs: number, succeededMs: number | undefined): void {
    this.#jobs[job.name] = {
      status,
      work: workOf(job),
      endedMs,
      ...(succeededMs !== undefined && { succeededMs }),
    };
  }

  close(): void {
    closeSync(this.#lockFd);
  }

  /** A crash leaves the old file or the new one. */
  #write(): void {
    const text = JSON.stringify({ version, file: this.#jobsFile, jobs: this.#jobs });
    // The lock keeps other processes from writing the same file.
    new Replacement(this.#path, `${this.#path}.new`, 0o600).write(text);
    syncDirectory(this.#directory);
  }
}

/** A dry run says nothing about the target. */
function isRecorded({ options }: Job): boolean {
  return !isDryRun(options);
}

function workOf({ kind, options }: Job): string {
  const { host, local, remote } = options;
  return JSON.stringify([kind, 'action' in options ? options.action : null, local, host, remote]);
}

/** With all directories above. Node's own `recursive` never ends below /proc, where no directory can be made. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

/** Without a file, no job has run. */
function readResults(path: string): Record<string, LastResult> {
  const text = inState(path, () => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  });
  if (text === undefined) return {};
  try {
    return v.parse(fileSchema, JSON.parse(text)).jobs;
  } catch (error) {
    const message = `${path} does not hold results of jobs: remove it, and all jobs count as failed.`;
    throw new BasynError('device', message, {}, { cause: error });
  }
}

function inState<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    const reason = systemReason(error as NodeJS.ErrnoException);
    throw new BasynError(
      'device',
      `The results of jobs can't be kept in ${path}: ${reason}.`,
      {},
      { cause: error },
    );
  }
}
