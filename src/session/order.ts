import type { HashName } from '../digest/hash-names.ts';
import type { CompressionChoice, Plan } from '../protocol/schemas.ts';
import { windowBuffersOf } from './phase.ts';
import type { PhaseName } from '../report.ts';

export type Role = 'source' | 'target';

/** Which role each side has. Everything below works with roles, and never asks for the direction again. */
export const rolesOf = {
  push: { local: 'source', remote: 'target' },
  pop: { local: 'target', remote: 'source' },
} as const satisfies Record<string, { local: Role; remote: Role }>;

/** A run, complete: no default is left open. */
export interface Order {
  readonly localPath: string;
  readonly remotePath: string;
  readonly localRole: Role;
  readonly phases: readonly PhaseName[];
  readonly hash: HashName;
  readonly bufferBytes: number;
  /** `null`: chosen while the run goes on. */
  readonly chunkBytes: number | null;
  readonly compression: CompressionChoice;
  /** What sizes are no difference. Without an action neither side is the source, and they have to be equal. */
  readonly sizes: 'equal' | 'target at least source';
  readonly create: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly peerTimeoutMs: number;
  /** The most connections that carry data. */
  readonly laneCount: number;
}

/** What both sides do in one phase of the order. */
export function planOf(
  order: Order,
  phase: PhaseName,
  sizeBytes: number,
  roundTripMs: number | undefined,
): Plan {
  const { hash, bufferBytes, chunkBytes, compression, dryRun } = order;
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
  };
}

/** Whether the run writes anything, now or if it weren't a dry run. */
export function isWriting({ phases }: Order): boolean {
  return phases.some((phase) => phase !== 'recheck');
}
