import type { Complete } from '../options/defaults.ts';
import type { Compression, RecheckOptions, RecordOptions, SyncOptions } from '../options/types.ts';
import type { CompressionChoice } from '../protocol/schemas.ts';
import { rolesOf, type Order } from '../session/order.ts';

/** The order of a transfer. */
export function transferOrder(options: Complete<SyncOptions>): Order {
  // To discard what the state file knows without reading the target is to copy.
  const mode = options.resetBitmap ? 'copy' : options.mode;
  return {
    ...comparisonOf(options),
    localRole: rolesOf[options.action].local,
    phases: options.recheck && !options.dryRun ? [mode, 'recheck'] : [mode],
    compression: compressionOf(options),
    laneCount: options.lanes,
    cache: options.cache,
    sizes: 'target at least source',
    // A list does not say what a new file lacks.
    create: options.create && options.changed === undefined,
    grow: options.grow,
    force: options.force,
    dryRun: options.dryRun,
    sparse: options.sparse,
    discard: options.discard,
  };
}

/** Without an action no side is the source. The local side plays that role; the result is the same either way. */
export function recheckOrder(options: Complete<RecheckOptions>): Order {
  const { action } = options;
  return {
    ...comparisonOf(options),
    localRole: rolesOf[action ?? 'push'].local,
    phases: ['recheck'],
    compression: { name: 'none', level: null },
    laneCount: 1,
    sizes: action === undefined ? 'equal' : 'target at least source',
    create: false,
    grow: false,
    force: false,
    dryRun: false,
    sparse: 'auto',
    discard: false,
  };
}

/** The order of a run that makes a state file: in a dry run of a SYNC, a target streams the digests of its device. The source plays that role. */
export function recordOrder(options: Complete<RecordOptions>, sourcePath: string): Order {
  return {
    // Nothing is opened for the local end.
    ...comparisonOf({ ...options, local: '', remote: sourcePath }),
    localRole: 'source',
    phases: ['sync'],
    compression: { name: 'none', level: null },
    laneCount: 1,
    sizes: 'target at least source',
    create: false,
    grow: false,
    force: false,
    dryRun: true,
    sparse: 'auto',
    discard: false,
  };
}

/** `--zlevel` alone means zlib, as the level is zlib's in the spec; 0 is no compression whatever the name. */
function compressionOf({ compress, zlevel }: Compression): CompressionChoice {
  if (compress === 'none' || zlevel === 0) return { name: 'none', level: null };
  return { name: compress ?? (zlevel === undefined ? 'auto' : 'zlib'), level: zlevel ?? null };
}

type Comparing = Pick<
  Order,
  | 'localPath'
  | 'remotePath'
  | 'hash'
  | 'bufferBytes'
  | 'chunkBytes'
  | 'peerTimeoutMs'
  | 'linkBytesPerSecond'
  | 'readErrors'
  | 'snapshot'
  | 'readBytesPerSecond'
  | 'needsRanges'
>;

function comparisonOf(options: Complete<RecheckOptions>): Comparing {
  return {
    localPath: options.local,
    remotePath: options.remote,
    hash: options.hash,
    bufferBytes: options.bufferBytes,
    chunkBytes: options.chunkBytes ?? null,
    peerTimeoutMs: options.timeoutMs,
    linkBytesPerSecond: options.bandwidthBytesPerSecond,
    readErrors: options.skipReadErrors ? 'skip' : 'fail',
    readBytesPerSecond: options.readBytesPerSecond,
    snapshot: snapshotOf(options),
    needsRanges: options.ranges !== undefined,
  };
}

function snapshotOf({ snapshot = false }: Complete<RecheckOptions>): Order['snapshot'] {
  if (snapshot === false) return undefined;
  return snapshot === true ? {} : { sizeBytes: snapshot };
}
