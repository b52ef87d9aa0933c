import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { waitUntil } from './background.ts';
import { MiB, readMedium, spareDisk, targetDisk, writeMedium } from './disks.ts';
import { makeThinVolume, makeVolume, volumesIn } from './lvm.ts';
import { sshOptions } from './ssh.ts';

/** What the tests of snapshots have in common: a volume, which is the source, and a disk, which is the target. */

export type Kind = 'classic' | 'thin';
export type Way = 'PUSH' | 'PUSH over ssh' | 'POP over ssh';

export const volumeMiB = 12;

export function makeOrigin(kind: Kind): string {
  const make = kind === 'thin' ? makeThinVolume : makeVolume;
  const origin = make('vg0', targetDisk, 'mail', volumeMiB);
  writeMedium(origin, 0, randomBytes(volumeMiB * MiB));
  writeMedium(spareDisk, 0, Buffer.alloc(volumeMiB * MiB));
  return origin;
}

export function devices(source: string, way: Way, target: string = spareDisk): string[] {
  const [local, remote] = way === 'POP over ssh' ? [target, source] : [source, target];
  const host = way === 'PUSH' ? [] : sshOptions();
  const action = way === 'POP over ssh' ? 'POP' : 'PUSH';
  return [`--local=${local}`, `--remote=${remote}`, `--action=${action}`, '--mode=SYNC', ...host];
}

export function snapshotOption(kind: Kind): string[] {
  return [kind === 'thin' ? '--snapshot' : '--snapshot=16M'];
}

export function snapshots(): string[] {
  return volumesIn('vg0').filter((name) => name.includes('-basyn-'));
}

/** Returns its path. Looks at the nodes: asking LVM takes much longer. */
export function waitForSnapshot(): string {
  const nodes = (): string[] =>
    readdirSync('/dev/mapper').filter((name) => name.includes('--basyn--') && !name.endsWith('-cow'));
  waitUntil('there is a snapshot', () => nodes().length > 0);
  const path = `/dev/mapper/${nodes()[0]}`;
  // It has a size when LVM has finished.
  waitUntil('the snapshot can be read', () => sizeOf(path) > 0);
  return path;
}

function sizeOf(path: string): number {
  // LVM may make the node again.
  const rdev = statSync(path, { throwIfNoEntry: false })?.rdev ?? 0;
  return Number(readFileOrNothing(`/sys/dev/block/${rdev >> 8}:${rdev & 255}/size`));
}

/** @param moreBytes behind the volume's first size. */
export function contentOf(path: string, moreBytes = 0): Buffer {
  return readMedium(path, 0, volumeMiB * MiB + moreBytes);
}

export function targetContent(): Buffer {
  return contentOf(spareDisk);
}

/** Waits until the run has written something, which may not be flushed. */
export function waitForData(atBytes = 0): void {
  const descriptor = openSync(spareDisk, 'r');
  const bytes = Buffer.alloc(4096);
  waitUntil('something is written', () => {
    readSync(descriptor, bytes, 0, bytes.length, atBytes);
    return !bytes.every((byte) => byte === 0);
  });
  closeSync(descriptor);
}

export function killAgent(): void {
  // In a run with retries, an agent has the name of its run.
  const agents = processes().filter((pid) => readFileOrNothing(`/proc/${pid}/comm`).startsWith('basyn-'));
  assert.equal(agents.length, 1, 'not one agent');
  process.kill(agents[0]!, 'SIGKILL');
}

/** The processes that have this word in their command line, or are node with a word that contains it. */
export function processesWith(text: string): number[] {
  return processes().filter((pid) => {
    const words = readFileOrNothing(`/proc/${pid}/cmdline`).split('\0');
    const isNode = (words[0] ?? '').endsWith('node');
    return words.includes(text) || (isNode && words.some((word) => word.includes(text)));
  });
}

function processes(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readFileOrNothing(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
