import { BasynError } from '../../errors.ts';
import type { GivenOptions } from '../../options/given-options.ts';
import { expectationOf, readValue } from '../../options/read-value.ts';
import { optionEntries, optionTable } from '../../options/table.ts';

/** What a command line with `--jobs` asks for. */
export interface JobsRequest {
  /** `-`: stdin. */
  readonly path: string;
  /** Names of jobs, or of patterns. Empty: all. */
  readonly only: readonly string[];
  readonly parallel: number | undefined;
  readonly work: 'run' | 'check';
  readonly selection: 'all' | 'failed last time';
}

/**
 * Reads the options of a command line that may have `--jobs`.
 *
 * @returns undefined for a single run.
 * @throws {BasynError} `usage`, for options that belong to the other kind of command line.
 */
export function jobsRequestOf(given: GivenOptions): JobsRequest | undefined {
  const path = given.texts('jobs')?.[0];
  if (path === undefined) {
    const stray = optionEntries.find(([name, { group }]) => group === 'Several jobs' && given.has(name));
    if (stray !== undefined) throw new BasynError('usage', `--${stray[0]} needs --jobs=FILE.`);
    return undefined;
  }
  const single = optionEntries.find(([name, { key }]) => key !== undefined && given.has(name));
  if (single !== undefined) {
    const [name] = single;
    throw new BasynError(
      'usage',
      `--${name} and --jobs contradict each other: write ${name} into the file, for one job or under [defaults].`,
    );
  }
  if (given.has('retry-failed') && path === '-') {
    throw new BasynError(
      'usage',
      '--retry-failed needs a file: the results of jobs from stdin are not kept.',
    );
  }
  if (given.has('metrics') && given.has('check')) {
    throw new BasynError('usage', '--metrics and --check contradict each other: a check runs no job.');
  }
  return {
    path,
    only: given.texts('only') ?? [],
    parallel: parallelOf(given.texts('parallel')?.[0]),
    work: given.has('check') ? 'check' : 'run',
    selection: given.has('retry-failed') ? 'failed last time' : 'all',
  };
}

function parallelOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const { value } = optionTable.parallel;
  const read = readValue(value, text);
  if (typeof read === 'number') return read;
  throw new BasynError('usage', `--parallel must be ${expectationOf(value)}, not ${JSON.stringify(text)}.`);
}
