import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { filesEqual, writeImage } from '../../rig/images/images.ts';
import { hostOptions, type SshServer } from '../../rig/ssh/index.ts';
import type { HostRoot } from './host-roots.ts';
import { casesOf } from './lab-cases.ts';
import { writeLauncher } from './launcher.ts';
import { scratchDirectory } from './scratch.ts';

/** The machine is busy, and all of node is sent. */
export const uploadLimitMs = 120_000;

const defaultBytes = 3_000_017;

/** Two files that differ, and the options of a run that makes them equal. */
export interface HostPair {
  readonly source: string;
  readonly target: string;
  readonly sizeBytes: number;
  readonly options: readonly string[];
}

/** @param port that of a relay to the server. */
export function makeHostPair(server: SshServer, port?: number, sizeBytes = defaultBytes): HostPair {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  writeImage(source, sizeBytes, { seed: 1 });
  writeImage(target, sizeBytes, { seed: 2 });
  const options = [`--local=${source}`, `--remote=${target}`, '--action=PUSH', '--mode=SYNC', '--recheck'];
  return { source, target, sizeBytes, options: [...options, ...hostOptions(server, port)] };
}

/** The remote device is in the root. It is the source: a target is examined with tools that a busybox does not have. */
export function pairIn(root: HostRoot, port?: number, sizeBytes?: number): HostPair {
  const { options, ...pair } = makeHostPair(root.server, port, sizeBytes);
  copyFileSync(pair.source, join(root.path, 'device'));
  const others = options.filter((each) => !/^--(local|remote|action)=/.test(each));
  return {
    ...pair,
    options: [`--local=${pair.target}`, '--remote=/device', '--action=POP', ...others],
  };
}

export function expectSame({ source, target, sizeBytes }: HostPair): void {
  expect(filesEqual(source, target, sizeBytes)).toBe(true);
}

/** What a host receives: node, which costs seconds, or a program that starts the host's own, which it does not find. */
export type SentProgram = 'node itself' | 'a launcher of node';

/** For tests that concern what is done with a program, and not the program. */
export const sentPrograms = casesOf<SentProgram>(
  ['node itself', 'a launcher of node'],
  (each) => each === 'a launcher of node',
);

/** @param node a program on the host that runs node. */
export function sending(sent: SentProgram, node = process.execPath, paddingBytes = 0): readonly string[] {
  return sent === 'node itself' ? [] : sendingLauncher(node, paddingBytes);
}

/** @param paddingBytes is sent besides a few hundred bytes. */
export function sendingLauncher(node: string, paddingBytes = 0): readonly string[] {
  // It is for this kind of machine only.
  if (process.arch !== 'x64') return [];
  const path = join(scratchDirectory(), 'launcher');
  writeLauncher(path, { program: node, paddingBytes });
  return [`--remote-runtime=${path}`];
}
