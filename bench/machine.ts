/** The machine and its limits, which no tool can exceed. */

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { loadHasher } from '../src/digest/hash.ts';
import type { HashName } from '../src/digest/hash-names.ts';
import { bounds, tuning } from '../src/limits.ts';
import { ImagePair } from './images.ts';
import { measure } from './measure.ts';
import type { Network } from './network.ts';
import { median } from './summary.ts';
import { findOnPath } from './tools.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** The first line in which each tool names its version. */
  readonly tools: Readonly<Record<string, string>>;
}

export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly unit: 'MB/s' | 'ms';
}

const MIB = 1024 * 1024;
const SSH_MIB = 1024;

export function describeMachine(): Machine {
  const present = ['cmp', 'dd', 'rsync', 'bdsync', 'blocksync-fast', 'rblocksync3.py'].filter(findOnPath);
  const versions = present.map((tool) => [tool, firstLine(tool, '--version')] as const);
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    tools: Object.fromEntries(versions),
  };
}

/** Each limit is the median of this number of measurements. */
export async function measureLimits(times: number, network: Network | undefined): Promise<Limit[]> {
  const speed = async (name: string, bytes: number, work: () => unknown): Promise<Limit> => {
    return { name, value: bytes / 1e6 / ((await medianMs(times, work)) / 1000), unit: 'MB/s' };
  };
  const time = async (name: string, command: string): Promise<Limit> => {
    return { name, value: await medianMs(times, () => measure(command, network)), unit: 'ms' };
  };
  const hashing = async (hash: HashName): Promise<Limit> => {
    const data = Buffer.alloc(256 * MIB, 1);
    const hasher = await loadHasher(hash);
    const name = `${hash}, one core, blocks of ${bounds.blockBytes / 1024} KiB`;
    return speed(name, data.length, () => {
      for (let offset = 0; offset < data.length; offset += bounds.blockBytes) {
        hasher.digestOne(data.subarray(offset, offset + bounds.blockBytes));
      }
    });
  };
  const found = [
    await hashing('SHA1'),
    await hashing('XXH128'),
    await readSpeed(speed),
    await time('node -e 0', 'node -e 0'),
  ];
  if (network !== undefined) {
    const command = `dd if=/dev/zero bs=1M count=${SSH_MIB} status=none | ssh near 'cat >/dev/null'`;
    found.push(
      await speed(`ssh, one connection, ${SSH_MIB} MiB`, SSH_MIB * MIB, () => measure(command, network)),
      await time('ssh near true', 'ssh near true'),
    );
  }
  return found;
}

async function readSpeed(
  speed: (name: string, bytes: number, work: () => unknown) => Promise<Limit>,
): Promise<Limit> {
  const pair = new ImagePair('medium', 512 * MIB);
  const fd = openSync(pair.files.source, 'r');
  try {
    const piece = Buffer.alloc(tuning.pieceBytes);
    return await speed('reading from memory, one core', pair.sizeBytes, () => {
      for (let offset = 0; offset < pair.sizeBytes; offset += piece.length) {
        readSync(fd, piece, 0, piece.length, offset);
      }
    });
  } finally {
    closeSync(fd);
    pair.remove();
  }
}

async function medianMs(times: number, work: () => unknown): Promise<number> {
  const elapsedMs: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const startedMs = performance.now();
    await work();
    elapsedMs.push(performance.now() - startedMs);
  }
  return median(elapsedMs);
}

function firstLine(tool: string, flag: string): string {
  try {
    return execFileSync(tool, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(
      '\n',
    )[0]!;
  } catch {
    return 'unknown';
  }
}
