import type { HashName } from '../digest/hash-names.ts';
import type { CompressionChoice, Plan } from '../protocol/schemas.ts';
import type { SparseChoice } from '../device/device.ts';
import { windowBuffersOf } from './window.ts';
import type { PhaseName } from '../report.ts';

export type Role = 'source' | 'target';

/** The role of each side. Everything below works with roles and does not look at the direction again. */
export const rolesOf = {
  push: { local: 'source', remote: 'target' },
  pop: { local: 'target', remote: 'source' },
} as const satisfies Record<string, { local: Role; remote: Role }>;

/** Everything that a run needs to know. All defaults are filled in. */
export interface Order {
  readonly localPath: string;
  readonly remotePath: string;
  readonly localRole: Role;
  readonly phases: readonly PhaseName[];
  readonly hash: HashName;
  readonly bufferBytes: number;
  /** `null`: chosen during the run. */
  readonly chunkBytes: number | null;
  readonly compression: CompressionChoice;
  /** Which sizes match. Without an action neither side is the source, so the sizes have to be equal. */
  readonly sizes: 'equal' | 'target at least source';
  readonly create: boolean;
  readonly grow: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Whether a part of the source that can't be read ends the run, or is left out. */
  readonly readErrors: 'fail' | 'skip';
  /** The source is read from a snapshot. Undefined: it is read itself. */
  readonly snapshot?: { readonly sizeBytes?: number } | undefined;
  /** How the target treats zeros. */
  readonly sparse: SparseChoice;
  readonly discard: boolean;
  readonly peerTimeoutMs: number;
  /** The maximum number of lanes. */
  readonly laneCount: number;
  /** Large devices are read through the page cache as well. */
  readonly cache?: boolean | undefined;
  /** The most that is read of each device, on its host. Undefined: as much as possible. */
  readonly readBytesPerSecond?: number | undefined;
  /** The most that all lanes carry together, in both directions. Undefined: as much as they can. */
  readonly linkBytesPerSecond?: number | undefined;
  /** Whether the run fails if it cannot report every range that differs. */
  readonly needsRanges?: boolean | undefined;
}

/** What both sides do in one phase of the order. */
export function planOf(
  order: Order,
  phase: PhaseName,
  sizeBytes: number,
  roundTripMs: number | undefined,
): Plan {
  const { hash, bufferBytes, chunkBytes, compression, dryRun, linkBytesPerSecond, readErrors } = order;
  const windowBuffers = windowBuffersOf(bufferBytes, chunkBytes, hash);
  return {
    phase,
    sizeBytes,
    hash,
    bufferBytes,
    chunkBytes,
    windowBuffers,
    compression,
    roundTripMs: roundTripMs ?? null,
    dryRun,
    ...(order.localRole === 'target' && phase === 'sync' && !dryRun && { countDiffering: true }),
    ...(linkBytesPerSecond !== undefined && { linkBytesPerSecond }),
    ...(readErrors === 'skip' && { readErrors }),
  };
}

/** How the devices of an order treat the page cache. */
export function pageCacheOf({ cache }: Pick<Order, 'cache'>): 'use' | 'spare' {
  return cache === true ? 'use' : 'spare';
}

/** The role of the remote side. */
export function remoteRoleOf({ localRole }: Pick<Order, 'localRole'>): Role {
  return localRole === 'source' ? 'target' : 'source';
}

/** Whether the run writes, or would write without `dryRun`. */
export function isWriting({ phases }: Order): boolean {
  return phases.some((phase) => phase !== 'recheck');
}
