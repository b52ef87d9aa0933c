import { hashNames, type HashName } from '../digest/hash-names.ts';
import { bounds, defaults } from '../limits.ts';
import type { CheckedEntry, OptionEntry, OptionKey } from './entry.ts';

/*
 * Every option. The command line's parser, the library's check, --help and README's table are made from this table.
 *
 * To add an option:
 * 1. Write its entry here. If only the command has it, leave `key` out: `Display` in cli/options.ts then has it as a flag.
 * 2. If the library takes it, also write its type into types.ts. The compiler then compares type and entry.
 * 3. Use it where it takes effect: for the library in src/index.ts, which has the checked options with their defaults.
 * 4. Run `npm run readme`, which writes README's table.
 *
 * Write a rule about two options into rules.ts. Every check of a value by its own follows from `value`.
 */

const hashChoices = Object.fromEntries(hashNames.map((name) => [name, name])) as Record<HashName, HashName>;

/** By long name, in the order of `--help`. */
export const optionTable = {
  local: {
    key: 'local',
    scope: 'run',
    requiredFor: 'run',
    short: 'l',
    group: 'Devices',
    value: { type: 'path' },
    placeholder: 'PATH',
    help: 'Device or file on this machine.',
  },
  remote: {
    key: 'remote',
    scope: 'run',
    requiredFor: 'run',
    short: 'r',
    group: 'Devices',
    value: { type: 'path' },
    placeholder: 'PATH',
    help: 'The other device or file: on the host, or on this machine if there is no host.',
  },
  action: {
    key: 'action',
    scope: 'comparison',
    requiredFor: 'transfer',
    short: 'a',
    group: 'What to do',
    value: { type: 'choice', choices: { PUSH: 'push', POP: 'pop', PULL: 'pop' } },
    placeholder: 'ACTION',
    otherwise: 'nothing is changed',
    help: '`PUSH`: from local to remote. `POP` (or `PULL`): from remote to local.',
  },
  mode: {
    key: 'mode',
    scope: 'transfer',
    requiredFor: 'transfer',
    needs: 'action',
    short: 'm',
    group: 'What to do',
    value: { type: 'choice', choices: { SYNC: 'sync', COPY: 'copy' } },
    placeholder: 'MODE',
    help:
      '`SYNC`: only what differs. `COPY`: everything. ' +
      'Mandatory with an action, unless only `--recheck` is wanted.',
  },
  recheck: {
    key: 'recheck',
    scope: 'transfer',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Read both sides again afterwards and compare. Without a mode, only compare.',
    details: 'The page cache is bypassed. A warning says where this is not possible.',
  },
  create: {
    key: 'create',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Create the target if it does not exist: a sparse regular file of the size of the source.',
    details: 'Without it, a missing target is an error.',
  },
  grow: {
    key: 'grow',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Extend a target file that is smaller than the source. A device is not extended, and nothing is ever shortened.',
    details: 'A warning states both sizes. Without it, a target that is too small is an error.',
  },
  force: {
    key: 'force',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Write to the target although it is in use.',
    details: 'A warning says what uses it.',
  },
  sparse: {
    key: 'sparse',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'choice', choices: { auto: 'auto', always: 'always', never: 'never' } },
    placeholder: 'WHEN',
    default: 'auto',
    help: 'Whether zeros become holes of a target file, which use no space.',
    details:
      '`auto`: in a file that has holes already or was just created. A file whose blocks are all allocated keeps them. ' +
      '`always` and `never` do not depend on the file.',
  },
  discard: {
    key: 'discard',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Release ranges of a target block device that become zero, such as on a thin volume.',
    details:
      'Zeros are written where the device is not certain to read as zeros afterwards. ' +
      'It has no effect on a file: see `--sparse`.',
  },
  'dry-run': {
    key: 'dryRun',
    scope: 'transfer',
    needs: 'mode',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Do everything but write.',
    details: 'The run reports how much would be sent and written, and skips `--recheck`.',
  },
  'skip-read-errors': {
    key: 'skipReadErrors',
    scope: 'comparison',
    needs: 'action',
    group: 'What to do',
    value: { type: 'flag' },
    default: false,
    help: 'Go on after a read error of the source. What can not be read stays as it is on the target, and is listed. The exit code is 2.',
    details: 'A read that fails is tried again in pieces of 4 KiB.',
  },
  hash: {
    key: 'hash',
    scope: 'comparison',
    group: 'Comparison',
    value: { type: 'choice', choices: hashChoices },
    placeholder: 'NAME',
    default: 'SHA1',
    help: 'Hash function for the comparison over ssh.',
  },
  buffer: {
    key: 'bufferBytes',
    scope: 'comparison',
    group: 'Comparison',
    value: { type: 'size', leastBytes: bounds.minBufferBytes, mostBytes: bounds.maxBufferBytes },
    placeholder: 'KB',
    default: defaults.bufferBytes,
    help: 'Buffer in kilobytes.',
    details: 'One digest covers one buffer.',
  },
  chunk: {
    key: 'chunkBytes',
    scope: 'comparison',
    group: 'Comparison',
    value: {
      type: 'size',
      leastBytes: bounds.minBufferBytes,
      mostBytes: bounds.maxBufferBytes,
      mostName: 'the buffer',
    },
    placeholder: 'KB',
    otherwise: `chosen during the run, at least ${bounds.finestChunkBytes / 1024}`,
    help: 'Chunk in kilobytes: what is sent if a buffer differs.',
    details: 'A buffer that differs is split into chunks, and only those that differ are sent.',
  },
  cache: {
    key: 'cache',
    scope: 'transfer',
    group: 'Comparison',
    value: { type: 'flag' },
    default: false,
    help: 'Let large devices use the page cache.',
    details:
      'Without it, SYNC compares a source that is larger than a quarter of the memory past the page cache, and afterwards ' +
      'releases what it has cached of a large source or target.',
  },
  'read-limit': {
    key: 'readBytesPerSecond',
    scope: 'comparison',
    group: 'Comparison',
    value: { type: 'rate', leastBytes: bounds.minBytesPerSecond, mostBytes: bounds.maxBytesPerSecond },
    placeholder: 'RATE',
    otherwise: 'as fast as the devices are',
    help: 'Most kilobytes per second that are read of each device, such as `50M`.',
    details: 'The two devices count separately, on whichever host they are.',
  },
  compress: {
    key: 'compress',
    scope: 'transfer',
    group: 'Transfer',
    value: { type: 'choice', choices: { zstd: 'zstd', zlib: 'zlib', none: 'none' } },
    placeholder: 'NAME',
    otherwise: '`zstd`, or `none` if that is faster; with `--zlevel`, `zlib`',
    help: 'Compression over ssh.',
  },
  zlevel: {
    key: 'zlevel',
    scope: 'transfer',
    group: 'Transfer',
    value: { type: 'integer', least: 0, most: 9 },
    placeholder: 'LEVEL',
    otherwise: 'chosen during the run',
    help: 'Level of compression: 0 (none) saves processor time, 9 saves traffic.',
    details: 'Without `--compress`, it is the level of zlib.',
  },
  lanes: {
    key: 'lanes',
    scope: 'transfer',
    group: 'Transfer',
    value: { type: 'integer', least: 1, most: bounds.maxLanes },
    placeholder: 'N',
    default: defaults.lanes,
    help: 'Most ssh connections that carry data if the round trip is long.',
    details: 'If it is short, one connection carries all data.',
  },
  host: {
    key: 'host',
    scope: 'run',
    short: 'h',
    group: 'Connection',
    value: { type: 'host' },
    placeholder: 'HOST',
    otherwise: 'both devices are on this machine',
    help: 'Host name, address or `user@host` for ssh.',
    details: 'An IPv6 address may have brackets, as in `[::1]`.',
  },
  port: {
    key: 'port',
    scope: 'run',
    needs: 'host',
    short: 'p',
    group: 'Connection',
    value: { type: 'integer', least: 1, most: 65_535 },
    placeholder: 'PORT',
    otherwise: 'as ssh decides (22)',
    help: 'Port of the ssh server.',
  },
  user: {
    key: 'user',
    scope: 'run',
    needs: 'host',
    short: 'u',
    group: 'Connection',
    value: { type: 'user' },
    placeholder: 'NAME',
    otherwise: 'as ssh decides (yourself)',
    help: 'User for ssh.',
  },
  'remote-node': {
    key: 'remoteNode',
    scope: 'run',
    group: 'Connection',
    value: { type: 'text' },
    placeholder: 'COMMAND',
    default: 'node',
    help: 'Shell command that starts node on the host, such as `sudo -n node`.',
  },
  'ssh-option': {
    key: 'sshOptions',
    scope: 'run',
    needs: 'host',
    group: 'Connection',
    value: { type: 'text' },
    placeholder: 'OPTION',
    repeatable: true,
    help: 'Passed to ssh as `-o`. May be given more than once.',
  },
  timeout: {
    key: 'timeoutMs',
    scope: 'run',
    group: 'Connection',
    value: { type: 'duration', leastMs: bounds.minPeerTimeoutMs, mostMs: bounds.maxPeerTimeoutMs },
    placeholder: 'SECONDS',
    default: defaults.peerTimeoutMs,
    help: 'End the run if nothing comes from the host for this number of seconds.',
    details: 'If ssh could ask you for a password, the host has at least 120 seconds for its first answer.',
  },
  retries: {
    key: 'retries',
    scope: 'comparison',
    needs: 'host',
    group: 'Connection',
    value: { type: 'integer', least: 0, most: bounds.maxRetries },
    placeholder: 'N',
    default: 0,
    help: 'If the link fails, connect again and continue, up to this number of times in a row without progress.',
    details:
      'The run continues behind what the target has confirmed as being on the disk. ' +
      'Both devices must be the same ones, also if their host has been started again. ' +
      'Later attempts ask for no password.',
  },
  'retry-wait': {
    key: 'retryWaitMs',
    scope: 'comparison',
    needs: 'host',
    group: 'Connection',
    value: { type: 'duration', leastMs: bounds.minRetryWaitMs, mostMs: bounds.maxRetryWaitMs },
    placeholder: 'SECONDS',
    default: defaults.retryWaitMs,
    help: 'The most time between two attempts: they are 1, 2, 4 … seconds apart.',
  },
  bwlimit: {
    key: 'bandwidthBytesPerSecond',
    scope: 'run',
    needs: 'host',
    group: 'Connection',
    value: { type: 'rate', leastBytes: bounds.minBytesPerSecond, mostBytes: bounds.maxBytesPerSecond },
    placeholder: 'RATE',
    otherwise: 'as fast as the link is',
    help: 'Most kilobytes per second over ssh, such as `500` or `10M`.',
    details: 'All connections and both directions together, with all that is sent.',
  },
  stat: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Show statistics after completion.',
  },
  verbose: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Log what is being done to stdout, with the time.',
  },
  progress: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Show the progress on stderr.',
    details: 'On a terminal, one line is updated. Elsewhere, a line with the time is printed now and then.',
  },
  debug: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Trace to stderr. May be a lot.',
  },
  json: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Print one JSON object per line on stdout, instead of text.',
  },
  help: { group: 'Output', value: { type: 'flag' }, help: 'Show the options.' },
  version: { group: 'Output', value: { type: 'flag' }, help: 'Show the version.' },
} as const satisfies Record<string, CheckedEntry>;

type Table = typeof optionTable;
export type OptionName = keyof Table;
type NamesWith<Fields> = {
  [Name in OptionName]: Table[Name] extends Fields ? Name : never;
}[OptionName];

/** Flags that the command keeps for itself: they say what the user wants to see of a run. */
export type DisplayFlag = Exclude<NamesWith<{ default: false }>, NamesWith<{ key: OptionKey }>>;

/** The library's options that have a value where they are left out. */
export type KeyWithDefault = Extract<
  Table[NamesWith<{ key: OptionKey; default: unknown }>],
  { key: OptionKey }
>['key'];

type KeyInTable = Extract<Table[OptionName], { key: OptionKey }>['key'];
type Nothing<Rest extends never> = Rest;
/** The compiler refuses this line if an option of the library has no entry. */
export type KeyWithoutEntry = Nothing<Exclude<OptionKey, KeyInTable>>;

/** The entries, in order, as their common type. */
export const optionEntries = Object.entries(optionTable) as readonly [OptionName, OptionEntry][];

/** The entry of an option, or undefined if there is no such option. */
export function findOption(name: string): OptionEntry | undefined {
  return optionEntries.find(([known]) => known === name)?.[1];
}
