import { hashNames } from '../digest/hash-names.ts';
import { limits } from '../limits.ts';

/** One option of the command line. Without `value` it is a flag. */
export interface OptionDefinition {
  readonly group: OptionGroup;
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly repeatable?: true;
  readonly help: string;
}

export const optionGroups = [
  'Devices',
  'What to do',
  'Comparison',
  'Transfer',
  'Connection',
  'Output',
] as const;
export type OptionGroup = (typeof optionGroups)[number];

const kibibytes = (bytes: number): number => bytes / 1024;

/** Every option. The parser and the help are both made from this table. */
export const optionTable = {
  local: { group: 'Devices', short: 'l', value: 'PATH', help: 'Device or file on this machine. Mandatory.' },
  remote: {
    group: 'Devices',
    short: 'r',
    value: 'PATH',
    help: 'The other device or file: on the host, or here where no host is given. Mandatory.',
  },
  action: {
    group: 'What to do',
    short: 'a',
    value: 'ACTION',
    help:
      'PUSH: from local to remote. POP (or PULL): from remote to local. ' +
      'Without a mode nothing is changed: both devices are only looked at.',
  },
  mode: {
    group: 'What to do',
    short: 'm',
    value: 'MODE',
    help: 'SYNC: only what differs. COPY: everything. Mandatory with an action.',
  },
  recheck: {
    group: 'What to do',
    help: 'Read both sides again afterwards and compare; without a mode, only compare.',
  },
  create: { group: 'What to do', help: 'Make the receiving file if it does not exist yet.' },
  force: { group: 'What to do', help: 'Write to the receiving device although it is in use.' },
  'dry-run': { group: 'What to do', help: 'Do everything but write.' },
  hash: {
    group: 'Comparison',
    value: 'NAME',
    help: `One of ${hashNames.join(', ')}. Default SHA1.`,
  },
  buffer: {
    group: 'Comparison',
    value: 'KB',
    help:
      `Buffer in kilobytes, ${kibibytes(limits.minBufferBytes)} to ${kibibytes(limits.maxBufferBytes)}. ` +
      `Default ${kibibytes(limits.defaultBufferBytes)}.`,
  },
  chunk: {
    group: 'Comparison',
    value: 'KB',
    help:
      'Chunk in kilobytes, at most the buffer: what is sent where a buffer differs. ' +
      'Default: chosen while the run goes on.',
  },
  compress: {
    group: 'Transfer',
    value: 'NAME',
    help: 'zstd, zlib or none. Default: zstd, as hard as pays; with --zlevel, zlib.',
  },
  zlevel: {
    group: 'Transfer',
    value: 'LEVEL',
    help: '0 (none, saves time) to 9 (best, saves traffic). Default: chosen while the run goes on.',
  },
  lanes: {
    group: 'Transfer',
    value: 'N',
    help:
      `Connections that carry data where the round trip is long, 1 to ${limits.maxLanes}. ` +
      `Default ${limits.defaultLanes}.`,
  },
  host: {
    group: 'Connection',
    short: 'h',
    value: 'HOST',
    help: 'Host name, address or user@host for ssh. Without it both devices are on this machine.',
  },
  port: {
    group: 'Connection',
    short: 'p',
    value: 'PORT',
    help: 'Port of the ssh server. Default: as ssh decides (22).',
  },
  user: {
    group: 'Connection',
    short: 'u',
    value: 'NAME',
    help: 'User for ssh. Default: as ssh decides (yourself).',
  },
  'remote-node': {
    group: 'Connection',
    value: 'COMMAND',
    help: 'How node is started on the host, such as "sudo -n node". Default: node.',
  },
  'ssh-option': {
    group: 'Connection',
    value: 'OPTION',
    repeatable: true,
    help: 'Handed to ssh as -o OPTION. May be given more than once.',
  },
  timeout: {
    group: 'Connection',
    value: 'SECONDS',
    help: `End the run when the host is silent for so long. Default ${limits.defaultPeerTimeoutMs / 1000}.`,
  },
  stat: { group: 'Output', help: 'Statistics after completion.' },
  verbose: { group: 'Output', help: 'Timestamped lines about what is being done, on stdout.' },
  progress: { group: 'Output', help: 'Progress indicator on stderr.' },
  debug: { group: 'Output', help: 'Trace on stderr; may be much.' },
  json: { group: 'Output', help: 'One JSON object per line on stdout instead of text.' },
  help: { group: 'Output', help: 'This text.' },
  version: { group: 'Output', help: 'The version.' },
} as const satisfies Record<string, OptionDefinition>;

type Table = typeof optionTable;
export type OptionName = keyof Table;
export type ValueOptionName = {
  [Name in OptionName]: Table[Name] extends { value: string } ? Name : never;
}[OptionName];
export type FlagName = Exclude<OptionName, ValueOptionName>;

/** The table's rows, in order, seen through their common type. */
export const optionEntries = Object.entries(optionTable) as readonly [OptionName, OptionDefinition][];

/** The row of an option, or undefined where there is no such option. */
export function findOption(name: string): OptionDefinition | undefined {
  return optionEntries.find(([known]) => known === name)?.[1];
}
