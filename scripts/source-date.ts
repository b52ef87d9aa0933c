import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { root } from './bundle.ts';

const run = promisify(execFile);

/**
 * The time of what is built, so that two builds of one commit give the same bytes: `SOURCE_DATE_EPOCH` in seconds since 1970, or
 * else the time of the last commit.
 *
 * @throws {Error} if there is neither.
 */
export async function sourceDate(): Promise<Date> {
  const { SOURCE_DATE_EPOCH } = process.env;
  const seconds = SOURCE_DATE_EPOCH ?? (await lastCommitSeconds());
  if (!/^\d{1,11}$/.test(seconds)) throw new Error(`SOURCE_DATE_EPOCH must be a number, not "${seconds}"`);
  return new Date(Number(seconds) * 1000);
}

async function lastCommitSeconds(): Promise<string> {
  // The directory may belong to another user than root, who runs this.
  const trusted = ['-c', `safe.directory=${root.replace(/\/$/, '')}`];
  try {
    const { stdout } = await run('git', [...trusted, 'log', '-1', '--format=%ct'], { cwd: root });
    return stdout.trim();
  } catch (error) {
    throw new Error('This is no git repository: set SOURCE_DATE_EPOCH to the time of the sources', {
      cause: error,
    });
  }
}
