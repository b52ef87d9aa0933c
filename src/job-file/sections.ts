import { findOption, optionEntries, type OptionName } from '../options/table.ts';
import { bounds } from '../limits.ts';
import type { JobHooks } from '../jobs/job.ts';
import { readOption } from './read-options.ts';
import { wrongLine, type LocatedTable, type LocatedValue } from './toml.ts';

/** What a table of the file says of jobs: `[defaults]`, `[hosts.NAME]` or `[jobs.NAME]`. */
export interface Section {
  readonly name: string;
  readonly line: number;
  readonly options: ReadonlyMap<OptionName, readonly string[] | null>;
  readonly hooks: JobHooks;
  /** Names that a pattern leaves out. */
  readonly exclude: readonly string[];
  /** The most jobs on the host. */
  readonly parallel: number | undefined;
}

/** The whole file, not yet combined. */
export interface Sections {
  readonly parallel: number | undefined;
  readonly shareDisks: boolean | undefined;
  readonly defaults: Section | undefined;
  readonly hosts: ReadonlyMap<string, Section>;
  readonly jobs: readonly Section[];
}

const hookKeys = ['before', 'after', 'after-failure', 'hook-timeout'] as const;
const connectionNames = optionEntries.flatMap(([name, { group }]) => (group === 'Connection' ? [name] : []));
/** Of a job, in messages and file names. */
const namePattern = /^[\w.@+-]+$/;

/**
 * Sorts the tables of a file.
 *
 * @throws {BasynError} `usage`, with the line, for an unknown table or key, and a value that is not possible.
 */
export function sectionsOf(fileName: string, tables: readonly LocatedTable[]): Sections {
  const hosts = new Map<string, Section>();
  const jobs: Section[] = [];
  let defaults: Section | undefined;
  let parallel: number | undefined;
  let shareDisks: boolean | undefined;
  for (const table of tables) {
    const [kind, name, ...rest] = table.path;
    if (kind === undefined) {
      ({ parallel, shareDisks } = readTop(fileName, table));
    } else if (kind === 'defaults' && name === undefined) {
      defaults = readSection(fileName, 'defaults', table, [...hookKeys, 'exclude']);
    } else if (kind === 'hosts' && name !== undefined && rest.length === 0) {
      hosts.set(name, readHost(fileName, name, table));
    } else if (kind === 'jobs' && name !== undefined && rest.length === 0) {
      if (!namePattern.test(name)) {
        throw wrongLine(fileName, table.line, `the name of a job consists of letters, digits and . _ @ + -`);
      }
      jobs.push(readSection(fileName, name, table, [...hookKeys, 'exclude']));
    } else if ((kind === 'hosts' || kind === 'jobs') && name === undefined) {
      throw wrongLine(
        fileName,
        table.line,
        `[${kind}] needs a name, as in [${kind}.${kind === 'jobs' ? 'mail' : 'backup'}]`,
      );
    } else {
      throw wrongLine(
        fileName,
        table.line,
        `[${table.path.join('.')}] is unknown: there are [defaults], [hosts.NAME] and [jobs.NAME]`,
      );
    }
  }
  return { parallel, shareDisks, defaults, hosts, jobs };
}

function readTop(fileName: string, { values }: LocatedTable): Pick<Sections, 'parallel' | 'shareDisks'> {
  let parallel: number | undefined;
  let shareDisks: boolean | undefined;
  for (const [key, located] of values) {
    if (key === 'parallel') parallel = readCount(fileName, key, located);
    else if (key === 'share-disks') shareDisks = readFlag(fileName, key, located);
    else
      throw wrongLine(
        fileName,
        located.line,
        `"${key}" is unknown outside a table: there are "parallel" and "share-disks"`,
      );
  }
  return { parallel, shareDisks };
}

const hostKeys = ['parallel'] as const;

/** A host has only what says how it is reached, and how many jobs may use it. */
function readHost(fileName: string, name: string, table: LocatedTable): Section {
  const known: readonly string[] = [...connectionNames, ...hostKeys];
  for (const [key, { line }] of table.values) {
    const isOther = findOption(key)?.key !== undefined && !known.includes(key);
    if (isOther) throw wrongLine(fileName, line, `"${key}" belongs to a job, and not to a host`);
  }
  return readSection(fileName, name, table, hostKeys);
}

type ExtraKey = (typeof hookKeys)[number] | 'exclude' | 'parallel';

function readSection(
  fileName: string,
  name: string,
  { line, values }: LocatedTable,
  extraKeys: readonly ExtraKey[],
): Section {
  const options = new Map<OptionName, readonly string[] | null>();
  const extras = new Map<ExtraKey, LocatedValue>();
  for (const [key, located] of values) {
    const extra = extraKeys.find((known) => known === key);
    if (extra !== undefined) extras.set(extra, located);
    else options.set(...readOption(fileName, key, located, extraKeys));
  }
  const read = <T>(
    key: ExtraKey,
    reader: (fileName: string, key: string, located: LocatedValue) => T,
  ): T | undefined => {
    const located = extras.get(key);
    return located && reader(fileName, key, located);
  };
  const hooks: JobHooks = {
    before: read('before', readText),
    after: read('after', readText),
    afterFailure: read('after-failure', readText),
    timeoutMs: read('hook-timeout', readTimeoutMs),
  };
  return {
    name,
    line,
    options,
    hooks,
    exclude: read('exclude', readTexts) ?? [],
    parallel: read('parallel', readCount),
  };
}

function readText(fileName: string, key: string, { value, line }: LocatedValue): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrongLine(fileName, line, `"${key}" must be a text that is not empty`);
}

function readTexts(fileName: string, key: string, { value, line }: LocatedValue): readonly string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.every((item): item is string => typeof item === 'string' && item !== '')) return list;
  throw wrongLine(fileName, line, `"${key}" must be a list of texts`);
}

function readFlag(fileName: string, key: string, { value, line }: LocatedValue): boolean {
  if (typeof value === 'boolean') return value;
  throw wrongLine(fileName, line, `"${key}" must be true or false`);
}

function readCount(fileName: string, key: string, located: LocatedValue): number {
  return readNumber(fileName, key, located, { least: 1, most: bounds.maxParallelJobs, unit: '' });
}

function readTimeoutMs(fileName: string, key: string, located: LocatedValue): number {
  const [least, most] = [bounds.minHookTimeoutMs / 1000, bounds.maxHookTimeoutMs / 1000];
  return readNumber(fileName, key, located, { least, most, unit: ' of seconds' }) * 1000;
}

function readNumber(
  fileName: string,
  key: string,
  { value, line }: LocatedValue,
  { least, most, unit }: { readonly least: number; readonly most: number; readonly unit: string },
): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number;
  throw wrongLine(fileName, line, `"${key}" must be a whole number${unit} from ${least} to ${most}`);
}
