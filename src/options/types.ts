import type { HashName } from '../digest/hash-names.ts';
import type { EventListener, ExtentListener, RunSignal } from '../report.ts';

// The public types of the library's options. Every key but those of `Observation` has an entry in table.ts: the compiler
// compares the two. An option may be `undefined`, which means the same as leaving it out.

/** PUSH: local is the source. POP: remote is the source. */
export type Action = 'push' | 'pop';
export type Mode = 'sync' | 'copy';
export type CompressionName = 'none' | 'zlib' | 'zstd';

/** The two devices. */
export interface Endpoints extends Connection {
  /** Path of the device or file on this machine. */
  readonly local: string;
  /** Path of the other device or file: on `host`, or on this machine if there is no host. */
  readonly remote: string;
}

/** How the remote device is reached. */
export interface Connection {
  /** `host` or `user@host`, as ssh takes it. Left out: both devices are on this machine. */
  readonly host?: string | undefined;
  /** 1 to 65535. Left out, ssh decides. */
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  /**
   * The command that starts node on the remote host: a piece of shell. Left out: `node`, and on a host that has none, or one
   * that is too old, the program that this process runs on, which is sent there for the run.
   */
  readonly remoteNode?: string | undefined;
  /** Path of the node that is sent to a host without node, in place of the program that this process runs on. */
  readonly remoteRuntime?: string | undefined;
  /** Keep what is sent to a host without node in the user's cache there, for the next run. Default: false. */
  readonly remoteKeep?: boolean | undefined;
  /** Start node on the remote host through `sudo -n`. Default: false. */
  readonly remoteSudo?: boolean | undefined;
  /** Each is passed to ssh as `-o`. */
  readonly sshOptions?: readonly string[] | undefined;
  /** The run ends when no byte has come from the peer for this time. 1000 to 86400000, default 60000. */
  readonly timeoutMs?: number | undefined;
  /**
   * Most bytes per second at the pipes to ssh: of all connections and both directions together, with everything that is
   * sent. 1 KiB to 1 TiB. Left out, there is no limit.
   */
  readonly bandwidthBytesPerSecond?: number | undefined;
}

/** How the devices are compared. */
export interface Comparison {
  /** Default SHA1. A local run compares the bytes themselves and needs no hash. */
  readonly hash?: HashName | undefined;
  /** 1 KiB to 1 GiB, default 2 MiB. */
  readonly bufferBytes?: number | undefined;
  /** 1 KiB to `bufferBytes`. Left out, it is chosen for each differing buffer during the run. */
  readonly chunkBytes?: number | undefined;
  /**
   * Path of a state file on this machine, which keeps the digests of the target. Needs `action`. Left out, both devices are
   * read.
   */
  readonly bitmap?: string | undefined;
  /** Leave out what can't be read of the source, and report it. Needs `action`. Default: the first read error ends the run. */
  readonly skipReadErrors?: boolean | undefined;
  /**
   * Read a logical volume from a snapshot, which is removed at the end of the run: `true`, or the size of a classic snapshot
   * in bytes. A thin volume needs no size. Needs `action`. 1 MiB to 1 PiB. Default: the source is read itself.
   */
  readonly snapshot?: boolean | number | undefined;
  /**
   * Path of a file on this machine that will list every range that differs, or can't be read, once the run has ended. An earlier
   * list is removed before. `changed` takes such a list.
   */
  readonly ranges?: string | undefined;
  /** Most bytes per second that are read of each device, on whichever host it is. 1 KiB to 1 TiB. Left out, there is no limit. */
  readonly readBytesPerSecond?: number | undefined;
}

/** What the caller is informed of during a run, and how the caller ends it. */
export interface Observation {
  readonly onEvent?: EventListener | undefined;
  /** Takes what is found out about each range of the source, as it is found out. See `ExtentFact` for the order. */
  readonly onExtent?: ExtentListener | undefined;
  /** Also report `debug` events: every message, every decision and every ssh command line. Default: false. */
  readonly debug?: boolean | undefined;
  /**
   * An `AbortSignal`, which ends the run: its child processes are stopped, and the promise rejects with an `aborted` error, whose `cause` is the
   * signal's reason.
   */
  readonly signal?: RunSignal | undefined;
}

/** What a run may do to the target. */
export interface Receiving {
  /** Create a missing target as a regular file of the source's size. */
  readonly create?: boolean | undefined;
  /** Extend a target file that is smaller than the source. */
  readonly grow?: boolean | undefined;
  /** Write although the target is in use. */
  readonly force?: boolean | undefined;
  /**
   * Whether zeros become holes of a target file. `auto`, the default: in a file that has holes or was just created. `always`,
   * `never`: whatever the file.
   */
  readonly sparse?: 'auto' | 'always' | 'never' | undefined;
  /** Release ranges of a target block device that become zero. */
  readonly discard?: boolean | undefined;
  /** Compare everything, and rebuild the state file. Needs `bitmap`. */
  readonly updateBitmap?: boolean | undefined;
  /** Send everything without reading the target, and rebuild the state file. Needs `bitmap`. */
  readonly resetBitmap?: boolean | undefined;
  /** Use the state file although the target may have been modified since the last run. Needs `bitmap`. */
  readonly trustTarget?: boolean | undefined;
  /** The part of the device that is compared although the state file knows it: 1 to 100. Needs `bitmap`. */
  readonly scrubPercent?: number | undefined;
  /** Do everything but write. */
  readonly dryRun?: boolean | undefined;
}

export interface Compression {
  /** Left out: the best that both sides support, chosen during the run. */
  readonly compress?: CompressionName | undefined;
  /** 0 (none) to 9 (best). Left out: as much as keeps the slower of link and processors busy. */
  readonly zlevel?: number | undefined;
  /** Most connections that carry data if the round trip is long. 1 to 16, default 4. */
  readonly lanes?: number | undefined;
}

/** What happens if the link to the host fails. */
export interface Retrying {
  /** The most attempts in a row without progress, besides the first: 0 to 1000000, default 0. */
  readonly retries?: number | undefined;
  /** The most time between two attempts, which are 1, 2, 4 … seconds apart. 1000 to 86400000, default 60000. */
  readonly retryWaitMs?: number | undefined;
}

export interface RecheckOptions extends Endpoints, Comparison, Retrying, Observation {
  /** Which side is the source; the target may then be larger. Left out, different sizes are a difference. */
  readonly action?: Action | undefined;
}

export interface SyncOptions extends Endpoints, Comparison, Compression, Receiving, Retrying, Observation {
  readonly action: Action;
  readonly mode: Mode;
  /** Read both sides again afterwards, past the page cache if the storage allows it. */
  readonly recheck?: boolean | undefined;
  /**
   * Read a large device through the page cache, too. Default: false, so that a device that is larger than a quarter of the
   * memory leaves the page cache to other programs.
   */
  readonly cache?: boolean | undefined;
  /**
   * A list of the ranges of the source that may differ from the target: the path of a file, or `-` for stdin. Everything else
   * is assumed to be equal. Only with `mode: 'sync'`.
   */
  readonly changed?: string | undefined;
  /** The block of a list from `era_invalidate`, in bytes. Needs `changed`. */
  readonly changedBlockBytes?: number | undefined;
  /** How much outside the list is compared before the first write, in random places. 0 disables it. Needs `changed`. Default 64 MiB. */
  readonly sampleBytes?: number | undefined;
}

/** A state file is made from the source alone, for a target that was filled in another way. */
export interface RecordOptions extends Connection, Comparison, Retrying, Observation {
  readonly action: Action;
  readonly bitmap: string;
  /** Path of the source of a PUSH, on this machine. */
  readonly local?: string | undefined;
  /** Path of the source of a POP: on `host`, or on this machine if there is no host. */
  readonly remote?: string | undefined;
  /** Make the state file anew although it belongs to a target. `resetBitmap` does the same. */
  readonly updateBitmap?: boolean | undefined;
  readonly resetBitmap?: boolean | undefined;
}

export type InspectOptions = Endpoints & Observation;
