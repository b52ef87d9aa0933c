import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Transform, type Duplex } from 'node:stream';
import { encodeFrameHeader, FrameDecoder } from '../../src/protocol/frame.ts';
import type { Order, Role } from '../../src/session/order.ts';
import { plainOrder, runInMemory } from '../support/memory-session.ts';
import type { Random } from '../../rig/images/random.ts';

/** The end of a conversation that receives a frame. */
export type End = 'local' | 'agent';

export interface Spoken {
  readonly to: End;
  /** A whole frame, with its header. */
  readonly frame: Buffer;
}

/** A real conversation, as it was transferred. */
export interface Transcript {
  readonly name: string;
  readonly order: Omit<Order, 'localPath' | 'remotePath'>;
  readonly localRole: Role;
  readonly spoken: readonly Spoken[];
}

/** Size of the source; the target is longer by the canary. */
export const sizeBytes = 200_000;
export const canary = Buffer.alloc(8192, 'canary!');

/** The two devices of one run, as files. */
export interface Files {
  readonly source: string;
  readonly target: string;
}

export function pathsIn(directory: string): Files {
  return { source: join(directory, 'source'), target: join(directory, 'target') };
}

export function pathOf({ source, target }: Files, role: Role): string {
  return role === 'source' ? source : target;
}

/** The content of the devices before a run: always the same, so that recordings match. */
export class Contents {
  readonly source: Buffer;
  readonly target: Buffer;

  constructor(random: Random) {
    this.source = Buffer.alloc(sizeBytes);
    random.fill(this.source);
    this.source.fill(0, 50_000, 80_000);
    const old = Buffer.from(this.source);
    for (const [start, end] of [
      [1000, 1100],
      [70_000, 120_000],
      [199_000, 200_000],
    ]) {
      random.fill(old.subarray(start, end));
    }
    this.target = Buffer.concat([old, canary]);
  }

  write({ source, target }: Files): void {
    writeFileSync(source, this.source);
    writeFileSync(target, this.target);
  }
}

const kinds: readonly Partial<Order>[] = [
  { phases: ['sync'], bufferBytes: 16 * 1024 },
  { phases: ['sync', 'recheck'], bufferBytes: 128 * 1024, chunkBytes: 1024, hash: 'MD5' },
  { phases: ['copy'], compression: { name: 'none', level: null } },
  { phases: ['copy', 'recheck'], compression: { name: 'zstd', level: 3 } },
  { phases: ['recheck'], bufferBytes: 4096, hash: 'XXH128' },
  { phases: ['sync'], dryRun: true },
];

/** Conversations of every kind, in both directions. */
export async function recordAll(directory: string, contents: Contents): Promise<Transcript[]> {
  const files = pathsIn(directory);
  const transcripts: Transcript[] = [];
  for (const localRole of ['source', 'target'] as const) {
    for (const kind of kinds) {
      const order = { ...plainOrder, peerTimeoutMs: 1000, ...kind, localRole };
      contents.write(files);
      const spoken = await record(order, files);
      const name = `${localRole === 'source' ? 'push' : 'pop'} ${order.phases.join(' ')}`;
      transcripts.push({ name, order, localRole, spoken });
    }
  }
  return transcripts;
}

async function record(order: Transcript['order'], files: Files): Promise<Spoken[]> {
  const spoken: Spoken[] = [];
  const ends: End[] = ['agent', 'local'];
  const makeWire = (): Duplex => tap(ends.shift()!, spoken);
  const remoteRole = order.localRole === 'source' ? 'target' : 'source';
  const [localPath, remotePath] = [pathOf(files, order.localRole), pathOf(files, remoteRole)];
  await runInMemory({ ...order, localPath, remotePath }, { makeWire });
  return spoken;
}

function tap(to: End, spoken: Spoken[]): Duplex {
  const decoder = new FrameDecoder();
  const wire = new Transform({
    transform(bytes: Buffer, _encoding, done) {
      for (const { type, payload } of decoder.push(bytes)) {
        spoken.push({ to, frame: Buffer.concat([encodeFrameHeader(type, [payload]), payload]) });
      }
      done(null, Buffer.from(bytes));
    },
  });
  return wire;
}
