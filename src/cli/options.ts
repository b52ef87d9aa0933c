import type { Restriction } from '../agent/restriction.ts';
import { BasynError } from '../errors.ts';
import { type DisplayFlag, optionEntries } from '../options/table.ts';
import { taskOf, type Task } from '../options/task.ts';
import { readArguments } from './arguments.ts';
import { jobsRequestOf, type JobsRequest } from './jobs/request.ts';
import { parseServe } from './serve.ts';
import { commandWording } from './wording.ts';

/** What the user wants to see of it. */
export type Display = Readonly<Record<DisplayFlag, boolean>>;

/** What a command line asks for. `usage` is the empty command line. */
export type Command =
  | { readonly kind: 'usage' }
  | { readonly kind: 'help' }
  | { readonly kind: 'help for serve' }
  | { readonly kind: 'serve'; readonly restriction: Restriction }
  | { readonly kind: 'version' }
  | ({ readonly kind: 'jobs'; readonly request: JobsRequest } & Presentation)
  | ({ readonly kind: 'run'; readonly task: Task } & Presentation);

interface Presentation extends OutputPaths {
  readonly display: Display;
}

/** The files that the command itself writes. */
export interface OutputPaths {
  /** The HTML page. */
  readonly reportPath?: string | undefined;
  readonly metricsPath?: string | undefined;
}

/**
 * Reads a command line.
 *
 * @throws {BasynError} `usage`, with one sentence that names the option and says what to do.
 */
export function parseCommand(argv: readonly string[]): Command {
  if (argv.length === 0) return { kind: 'usage' };
  if (argv[0] === 'serve') return serveOf(argv.slice(1));
  if (argv.includes('--help')) return { kind: 'help' };
  const given = readArguments(argv);
  if (given.has('version')) return { kind: 'version' };
  const display = displayOf((flag) => given.has(flag));
  const request = jobsRequestOf(given);
  const presentation = {
    display,
    reportPath: given.texts('report')?.[0],
    metricsPath: given.texts('metrics')?.[0],
  };
  if (request !== undefined) return { kind: 'jobs', request, ...presentation };
  const task = taskOf(given, commandWording);
  if (given.has('metrics') && given.has('dry-run')) {
    throw new BasynError(
      'usage',
      '--metrics and --dry-run contradict each other: a dry run changes nothing, and would be reported as a success.',
    );
  }
  return { kind: 'run', task, ...presentation };
}

function serveOf(argv: readonly string[]): Command {
  if (argv.includes('--help')) return { kind: 'help for serve' };
  return { kind: 'serve', restriction: parseServe(argv) };
}

/** Each display flag, and whether it is on. */
export function displayOf(isOn: (flag: DisplayFlag) => boolean): Display {
  const flags = optionEntries.filter(([, entry]) => entry.key === undefined && entry.default === false);
  const entries = flags.map(([name]) => [name, isOn(name as DisplayFlag)] as const);
  return Object.fromEntries(entries) as Display;
}
