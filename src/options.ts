import { hashNames, type HashName } from './digest/hash-names.ts';
import { BasynError } from './errors.ts';
import { requireHost } from './host.ts';
import { limits } from './limits.ts';
import type { EventListener } from './report.ts';

const actions = ['push', 'pop'] as const;
const modes = ['sync', 'copy'] as const;
const compressions = ['none', 'zlib', 'zstd'] as const;

/** PUSH: local is the source. POP: remote is the source. */
export type Action = (typeof actions)[number];
export type Mode = (typeof modes)[number];
export type CompressionName = (typeof compressions)[number];

/** What goes where, as far as it was said. */
interface Direction {
  readonly action?: Action;
  readonly mode?: Mode;
}

/** The two devices, and how the remote one is reached. */
export interface Endpoints {
  /** Path of the device or file on this machine. */
  readonly local: string;
  /** Path of the other device or file: on `host`, or on this machine where there is no host. */
  readonly remote: string;
  /** `host` or `user@host`, as ssh takes it. Left out: both devices are on this machine. */
  readonly host?: string;
  /** 1 to 65535. Left out, ssh decides. */
  readonly port?: number;
  readonly user?: string;
  /** How node is started on the remote side: a piece of remote shell. Default `node`. */
  readonly remoteNode?: string;
  /** Each is handed to ssh as `-o`. */
  readonly sshOptions?: readonly string[];
  /** Without a byte from the other side for so long, the run ends. 1000 to 86400000, default 60000. */
  readonly timeoutMs?: number;
}

/** How the devices are compared. */
export interface Comparison {
  /** Default SHA1. A local run compares the bytes themselves and needs no hash. */
  readonly hash?: HashName;
  /** 1 KiB to 1 GiB, default 2 MiB. */
  readonly bufferBytes?: number;
  /** 1 KiB to `bufferBytes`. Left out, it is chosen per differing buffer while the run goes on. */
  readonly chunkBytes?: number;
}

/** What the caller hears of a run, and how the caller ends it. */
export interface Observation {
  readonly onEvent?: EventListener;
  /** Also report `debug` events: every message, every decision, every ssh command line. Default false. */
  readonly debug?: boolean;
  /** Ends the run: children are stopped, and the promise rejects with an `aborted` error. */
  readonly signal?: AbortSignal;
}

/** The receiving side: what may be done to it. */
export interface Receiving {
  /** A missing regular file is made, at the source's size. */
  readonly create?: boolean;
  /** Write although the target is in use. */
  readonly force?: boolean;
  /** Do everything but write. */
  readonly dryRun?: boolean;
}

export interface Compression {
  /** Left out: the best of what both sides can, chosen while the run goes on. */
  readonly compress?: CompressionName;
  /** 0 (none) to 9 (best). Left out: as much as keeps the slower of link and processors busy. */
  readonly zlevel?: number;
  /** Connections that carry data where the round trip is long. 1 to 16, default 4. */
  readonly lanes?: number;
}

export interface RecheckOptions extends Endpoints, Comparison, Observation {
  /** Which side is the source; the target may then be larger. Left out, different sizes are a difference. */
  readonly action?: Action;
}

export interface SyncOptions extends Endpoints, Comparison, Compression, Receiving, Observation {
  readonly action: Action;
  readonly mode: Mode;
  /** Read both sides again afterwards, past the page cache where the storage allows it. */
  readonly recheck?: boolean;
}

export type InspectOptions = Endpoints & Observation;

/** @throws {BasynError} `usage`, where a value is out of its range or two of them contradict each other. */
export function validateOptions(options: Endpoints & Comparison & Compression & Direction): void {
  requirePath('local', options.local);
  requirePath('remote', options.remote);
  requireInteger('port', options.port, 1, 65_535);
  requireInteger('timeoutMs', options.timeoutMs, limits.minPeerTimeoutMs, limits.maxPeerTimeoutMs);
  requireInteger('bufferBytes', options.bufferBytes, limits.minBufferBytes, limits.maxBufferBytes);
  requireInteger('chunkBytes', options.chunkBytes, limits.minBufferBytes, limits.maxBufferBytes);
  requireInteger('zlevel', options.zlevel, 0, 9);
  requireInteger('lanes', options.lanes, 1, limits.maxLanes);
  requireOneOf('action', options.action, actions);
  requireOneOf('mode', options.mode, modes);
  requireOneOf('compress', options.compress, compressions);
  requireOneOf('hash', options.hash, hashNames);
  const bufferBytes = options.bufferBytes ?? limits.defaultBufferBytes;
  if (options.chunkBytes !== undefined && options.chunkBytes > bufferBytes) {
    throw new BasynError(
      'usage',
      `The chunk (${options.chunkBytes / 1024} KiB) is larger than the buffer (${bufferBytes / 1024} KiB): ` +
        'lower --chunk or raise --buffer.',
    );
  }
  if (options.compress === 'none' && options.zlevel !== undefined && options.zlevel > 0) {
    throw new BasynError(
      'usage',
      '--compress=none and --zlevel contradict each other: leave one of them out.',
    );
  }
  requireReachable(options);
}

function requirePath(name: string, path: string): void {
  if (path === '') throw new BasynError('usage', `--${name}: the path is empty.`);
  if (path.includes('\0')) throw new BasynError('usage', `--${name}: the path holds a NUL character.`);
  // What node makes of bytes that are not UTF-8.
  if (path.includes('\uFFFD')) {
    throw new BasynError(
      'usage',
      `--${name}: the path is not valid UTF-8; name the device by a link that is.`,
    );
  }
  if (Buffer.byteLength(path) > limits.maxPathBytes) {
    throw new BasynError('usage', `--${name}: the path is longer than ${limits.maxPathBytes} bytes.`);
  }
}

function requireOneOf(name: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return;
  throw new BasynError(
    'usage',
    `${name}: unknown name ${JSON.stringify(value)}; known are ${known.join(', ')}.`,
  );
}

function requireInteger(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new BasynError('usage', `${name}: must be a whole number from ${least} to ${most}, not ${value}.`);
  }
}

function requireReachable({ host, user, port, sshOptions }: Endpoints): void {
  if (host === undefined) {
    const needsHost =
      user !== undefined
        ? '--user'
        : port !== undefined
          ? '--port'
          : sshOptions?.length
            ? '--ssh-option'
            : '';
    if (needsHost !== '') {
      throw new BasynError(
        'usage',
        `${needsHost} needs --host: without a host, both devices are on this machine.`,
      );
    }
    return;
  }
  requireHost(host, user);
}
