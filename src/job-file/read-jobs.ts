import { basename } from 'node:path';
import type { Job, JobHooks } from '../jobs/job.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { OptionEntry } from '../options/entry.ts';
import { optionTable, type OptionName } from '../options/table.ts';
import { taskOf } from '../options/task.ts';
import { expandPattern, isPattern, wouldFind, type Found } from './expand.ts';
import { fileWording, givenOptionsOf, type OptionTexts } from './read-options.ts';
import { sectionsOf, type Section, type Sections } from './sections.ts';
import { readTables, wrongLine } from './toml.ts';

/** What a file of jobs asks for. */
export interface JobFile {
  /** Never empty. */
  readonly jobs: readonly Job[];
  /** The number of jobs that may run at the same time. */
  readonly parallel: number | undefined;
  /** The same for some hosts, by the name that ssh gets. */
  readonly parallelByHost: ReadonlyMap<string, number>;
  readonly shareDisks: boolean | undefined;
}

/**
 * Reads a file of jobs, and looks for the devices of its patterns. It opens no device.
 *
 * @param fileName for messages.
 * @throws {BasynError} `usage`, with the file and the line of the first thing that is wrong.
 */
export function readJobs(fileName: string, text: string): JobFile {
  const sections = sectionsOf(fileName, readTables(fileName, text));
  const jobs = sections.jobs.flatMap((section) => jobsOf(fileName, section, sections));
  if (jobs.length === 0)
    throw new BasynError('usage', `${fileName} has no job: write a table such as [jobs.mail].`);
  if (jobs.length > bounds.maxJobs) {
    throw new BasynError('usage', `${fileName} has ${jobs.length} jobs: ${bounds.maxJobs} are the most.`);
  }
  const limits = [...sections.hosts].flatMap(([name, { options, parallel }]) =>
    parallel === undefined ? [] : [[options.get('host')?.[0] ?? name, parallel] as const],
  );
  const { parallel, shareDisks } = sections;
  return { jobs, parallel, shareDisks, parallelByHost: new Map(limits) };
}

/** The job of a table, or one for each device that its pattern finds. */
function jobsOf(fileName: string, section: Section, sections: Sections): Job[] {
  const options = combine(section, sections);
  const hooks = { ...withoutUndefined(sections.defaults?.hooks), ...withoutUndefined(section.hooks) };
  const local = options.get('local')?.[0];
  const remote = options.get('remote')?.[0];
  const { line, name } = section;
  if (remote !== undefined && isPattern(remote)) {
    throw wrongLine(
      fileName,
      line,
      '"remote" can\'t be a pattern: write the pattern into "local", and {name} into "remote"',
    );
  }
  if (local === undefined || !isPattern(local)) {
    const itself: Found = { name, path: local ?? '' };
    return [makeJob({ fileName, line, name, device: itself, options, hooks })];
  }
  const exclude = [...(sections.defaults?.exclude ?? []), ...section.exclude];
  const found = inLine(fileName, line, () => expandPattern(local, exclude));
  if (found.length === 0) throw wrongLine(fileName, line, `job ${name}: ${local} finds no device or file`);
  return found.map((device) => {
    const own = new Map(options).set('local', [device.path]);
    const job = makeJob({ fileName, line, name: `${name}/${device.name}`, device, options: own, hooks });
    const target = targetHereOf(job);
    if (target === undefined || !wouldFind(local, exclude, target)) return job;
    throw wrongLine(
      fileName,
      line,
      `job ${job.name}: ${local} would find the target ${target} the next time: write it into "exclude"`,
    );
  });
}

/** The target on this machine of a device that a pattern has found. */
function targetHereOf({ kind, options }: Job): string | undefined {
  return kind === 'sync' && options.action === 'push' && options.host === undefined
    ? options.remote
    : undefined;
}

/** The options of the job, then those of its host, then the defaults. */
function combine({ options }: Section, { defaults, hosts }: Sections): OptionTexts {
  const given = new Map<OptionName, readonly string[] | null>([...(defaults?.options ?? []), ...options]);
  const hostName = given.get('host')?.[0];
  if (hostName === undefined)
    return new Map([...given].filter(([name]) => options.has(name) || !needsHost(name)));
  const host = hosts.get(hostName);
  return host === undefined ? given : new Map([...given, ...host.options, ...ownConnection(options)]);
}

/** A default for connections is none for a job whose devices are both on this machine. */
function needsHost(name: OptionName): boolean {
  const { needs }: OptionEntry = optionTable[name];
  return needs === 'host';
}

/** What the job itself says about its connection, besides the name of the host, goes before what the host says. */
function ownConnection(options: OptionTexts): OptionTexts {
  return new Map([...options].filter(([name]) => name !== 'host'));
}

interface JobParts {
  readonly fileName: string;
  readonly line: number;
  readonly name: string;
  readonly device: Found;
  readonly options: OptionTexts;
  readonly hooks: JobHooks;
}

function makeJob({ fileName, line, name, device, options, hooks }: JobParts): Job {
  const placed = new Map(
    [...options].map(
      ([option, texts]) => [option, texts?.map((text) => withName(text, device)) ?? null] as const,
    ),
  );
  const task = inLine(fileName, line, () => taskOf(givenOptionsOf(placed), fileWording), `job ${name}`);
  return { ...task, name, hooks };
}

/** `{name}` is the name of the device that a pattern has found, and that of the job where there is no pattern. */
function withName(text: string, { name }: Found): string {
  return text.replaceAll('{name}', basename(name));
}

function withoutUndefined<T extends object>(values: T | undefined): Partial<T> {
  return Object.fromEntries(
    Object.entries(values ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** Adds the line to an error about options. */
function inLine<T>(fileName: string, line: number, read: () => T, what?: string): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BasynError) || error.code !== 'usage') throw error;
    const message = error.message.replace(/\.$/, '');
    throw wrongLine(fileName, line, what === undefined ? message : `${what}: ${message}`);
  }
}
