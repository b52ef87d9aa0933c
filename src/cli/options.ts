import { hashNames } from '../digest/hash-names.ts';
import { BasynError } from '../errors.ts';
import { limits } from '../limits.ts';
import {
  type Action,
  type Comparison,
  type Compression,
  type CompressionName,
  type Endpoints,
  type InspectOptions,
  type Mode,
  type RecheckOptions,
  type SyncOptions,
  validateOptions,
} from '../options/types.ts';
import { type GivenOptions, readArguments } from './arguments.ts';
import type { FlagName, ValueOptionName } from '../options/table.ts';

/** What the library is to do. */
export type Task =
  | { readonly kind: 'sync'; readonly options: SyncOptions }
  | { readonly kind: 'recheck'; readonly options: RecheckOptions }
  | { readonly kind: 'inspect'; readonly options: InspectOptions };

/** What the person wants to see of it. */
export interface Display {
  readonly stat: boolean;
  readonly verbose: boolean;
  readonly progress: boolean;
  readonly debug: boolean;
  readonly json: boolean;
}

/** What a command line asks for. `usage` is the empty command line. */
export type Command =
  | { readonly kind: 'usage' }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly task: Task; readonly display: Display };

/**
 * Reads a command line.
 *
 * @throws {BasynError} `usage`, with one sentence that names the option and says what to do.
 */
export function parseCommand(argv: readonly string[]): Command {
  if (argv.length === 0) return { kind: 'usage' };
  if (argv.includes('--help')) return { kind: 'help' };
  const given = readArguments(argv);
  if (given.flag('version')) return { kind: 'version' };
  return { kind: 'run', task: taskOf(given), display: displayOf(given) };
}

function taskOf(given: GivenOptions): Task {
  const endpoints = endpointsOf(given);
  const comparison = comparisonOf(given);
  const compression = compressionOf(given);
  validateOptions({ ...endpoints, ...comparison, ...compression });
  const action = choiceOf(given, 'action', actions);
  const mode = choiceOf(given, 'mode', modes);
  if (action === undefined) {
    refuseFor(
      given,
      onlyWithAction,
      'needs --action: give the direction with --action=PUSH or --action=POP.',
    );
    return given.flag('recheck')
      ? { kind: 'recheck', options: { ...endpoints, ...comparison } }
      : { kind: 'inspect', options: endpoints };
  }
  if (mode === undefined && given.flag('recheck')) {
    refuseFor(given, onlyWithMode, 'needs --mode: --recheck alone changes nothing.');
    return { kind: 'recheck', options: { ...endpoints, ...comparison, action } };
  }
  if (mode === undefined) {
    throw new BasynError(
      'usage',
      '--action needs --mode: choose --mode=SYNC (only what differs) or --mode=COPY (everything).',
    );
  }
  return {
    kind: 'sync',
    options: {
      ...endpoints,
      ...comparison,
      ...compression,
      action,
      mode,
      recheck: given.flag('recheck'),
      create: given.flag('create'),
      force: given.flag('force'),
      dryRun: given.flag('dry-run'),
    },
  };
}

function endpointsOf(given: GivenOptions): Endpoints {
  const timeoutSeconds = integerOf(given, 'timeout', timeoutRange);
  return withoutMissing({
    local: pathOf(given, 'local'),
    remote: pathOf(given, 'remote'),
    host: given.text('host'),
    port: integerOf(given, 'port', { least: 1, most: 65_535 }),
    user: given.text('user'),
    remoteNode: given.text('remote-node'),
    sshOptions: given.texts('ssh-option'),
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
  });
}

function comparisonOf(given: GivenOptions): Comparison {
  return withoutMissing({
    hash: choiceOf(given, 'hash', hashes),
    bufferBytes: kilobytesOf(given, 'buffer'),
    chunkBytes: kilobytesOf(given, 'chunk'),
  });
}

function compressionOf(given: GivenOptions): Compression {
  return withoutMissing({
    compress: choiceOf(given, 'compress', compressions),
    zlevel: integerOf(given, 'zlevel', { least: 0, most: 9 }),
    lanes: integerOf(given, 'lanes', { least: 1, most: limits.maxLanes }),
  });
}

function displayOf(given: GivenOptions): Display {
  return {
    stat: given.flag('stat'),
    verbose: given.flag('verbose'),
    progress: given.flag('progress'),
    debug: given.flag('debug'),
    json: given.flag('json'),
  };
}

const onlyWithMode: readonly (FlagName | ValueOptionName)[] = ['create', 'force', 'dry-run'];
const onlyWithAction: readonly (FlagName | ValueOptionName)[] = ['mode', ...onlyWithMode];

function refuseFor(
  given: GivenOptions,
  names: readonly (FlagName | ValueOptionName)[],
  reason: string,
): void {
  const name = names.find((option) => given.has(option));
  if (name !== undefined) throw new BasynError('usage', `--${name} ${reason}`);
}

function pathOf(given: GivenOptions, name: 'local' | 'remote'): string {
  const path = given.text(name);
  if (path === undefined) {
    throw new BasynError('usage', `--${name} is missing: name the ${name} device with --${name}=PATH.`);
  }
  return path;
}

/** The values of an option, by the word (in any case) that stands for each. */
type Choices<Value> = ReadonlyMap<string, Value>;

const actions: Choices<Action> = new Map([
  ['PUSH', 'push'],
  ['POP', 'pop'],
  ['PULL', 'pop'],
]);
const modes: Choices<Mode> = new Map([
  ['SYNC', 'sync'],
  ['COPY', 'copy'],
]);
const compressions: Choices<CompressionName> = new Map([
  ['ZSTD', 'zstd'],
  ['ZLIB', 'zlib'],
  ['NONE', 'none'],
]);
const hashes = new Map(hashNames.map((name) => [name as string, name]));

function choiceOf<Value>(
  given: GivenOptions,
  name: ValueOptionName,
  choices: Choices<Value>,
): Value | undefined {
  const word = given.text(name);
  if (word === undefined) return undefined;
  const choice = choices.get(word.toUpperCase());
  if (choice === undefined) {
    throw new BasynError(
      'usage',
      `--${name} must be one of ${[...choices.keys()].join(', ')}, not ${JSON.stringify(word)}.`,
    );
  }
  return choice;
}

interface IntegerRange {
  readonly least: number;
  readonly most: number;
  readonly unit?: string;
}

const kilobyteRange: IntegerRange = {
  least: limits.minBufferBytes / 1024,
  most: limits.maxBufferBytes / 1024,
  unit: 'kilobytes',
};
const timeoutRange: IntegerRange = {
  least: limits.minPeerTimeoutMs / 1000,
  most: limits.maxPeerTimeoutMs / 1000,
  unit: 'seconds',
};

function kilobytesOf(given: GivenOptions, name: 'buffer' | 'chunk'): number | undefined {
  const kilobytes = integerOf(given, name, kilobyteRange);
  return kilobytes === undefined ? undefined : kilobytes * 1024;
}

function integerOf(
  given: GivenOptions,
  name: ValueOptionName,
  { least, most, unit }: IntegerRange,
): number | undefined {
  const digits = given.text(name);
  if (digits === undefined) return undefined;
  // Number() alone would take "1e3", "0x10" and " 5".
  const value = /^\d+$/.test(digits) ? Number(digits) : NaN;
  if (value >= least && value <= most) return value;
  const what = unit === undefined ? 'a whole number' : `a whole number of ${unit}`;
  throw new BasynError(
    'usage',
    `--${name} must be ${what} from ${least} to ${most}, not ${JSON.stringify(digits)}.`,
  );
}

type WithoutMissing<Fields> = {
  [Name in keyof Fields as undefined extends Fields[Name] ? never : Name]: Fields[Name];
} & {
  [Name in keyof Fields as undefined extends Fields[Name] ? Name : never]?: Exclude<Fields[Name], undefined>;
};

/** An option that was left out is a field that isn't there, so that the library's own default holds. */
function withoutMissing<Fields extends object>(fields: Fields): WithoutMissing<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as WithoutMissing<Fields>;
}
