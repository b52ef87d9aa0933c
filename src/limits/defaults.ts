import { KiB, MiB } from './units.ts';

/** The values of options that are not given. */
export const defaults = {
  bufferBytes: 2 * MiB,
  lanes: 4,
  peerTimeoutMs: 60_000,
  retryWaitMs: 60_000,
  /** Of a command before or after a job: a database may take minutes to come to rest. */
  hookTimeoutMs: 600_000,
  /** The buffer in a run with a list of changes: the unit of Ceph and of thin volumes is at least as long. */
  listBufferBytes: 64 * KiB,
  /** What is compared outside a list of changes: a second of reading. */
  sampleBytes: 64 * MiB,
} as const;
