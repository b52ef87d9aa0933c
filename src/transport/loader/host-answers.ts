import { bounds } from '../../limits.ts';
import { readAnswer } from './banner.ts';
import type { RemoteCommand } from './loader.ts';

/** Why a host needs a runtime. */
export interface HostNeeds {
  readonly because: 'no node' | 'old node' | 'broken node';
  /** As `uname -sm` prints it. */
  readonly system: string;
}

/** @returns undefined for an answer that is not this one. */
export function needsIn(answer: string, statusOfOldNode: number): HostNeeds | undefined {
  const [, status, system = ''] = /^needs (\d+)(?: (.*))?$/.exec(answer) ?? [];
  if (status === undefined) return undefined;
  const code = Number(status);
  const because =
    code === statusOfOldNode ? 'old node' : code === 0 || code === 127 ? 'no node' : 'broken node';
  return { because, system: system.trim() };
}

/** Where a host puts a runtime. */
export type HostPlace =
  /** In a file system in memory, on a disk, or in the cache of the user for the next run. */
  | { readonly kind: 'memory' | 'disk' | 'kept'; readonly path: string; readonly refusals: readonly string[] }
  /** The copy that an earlier run has kept. */
  | { readonly kind: 'found'; readonly path: string; readonly refusals: readonly string[] }
  | { readonly kind: 'nowhere'; readonly refusals: readonly string[] }
  /** `sudo -n` does not start a program. */
  | { readonly kind: 'no sudo' };

const pattern = /^(not (\d+|noexec|readonly|unsafe) .+|place (memory|disk|kept) .+|found .+|nowhere|sudo)$/;

/**
 * Reads where a host puts a runtime.
 *
 * @returns undefined where the stream ended before.
 * @throws {BasynError} `connection`, where other text arrives, or nothing within `timeoutMs`.
 */
export async function readPlace(
  { stdout }: RemoteCommand,
  timeoutMs: number,
  neededBytes: number,
): Promise<HostPlace | undefined> {
  const refusals: string[] = [];
  for (let count = 0; count <= bounds.hostRefusals; count++) {
    const answer = await readAnswer(stdout, timeoutMs, pattern, bounds.hostLineBytes);
    if (answer === undefined) return undefined;
    if (answer === 'sudo') return { kind: 'no sudo' };
    if (answer === 'nowhere') return { kind: 'nowhere', refusals };
    const [word, ...rest] = answer.split(' ');
    if (word === 'found') return { kind: 'found', path: rest.join(' '), refusals };
    const [detail = '', ...path] = rest;
    if (word === 'place') {
      return { kind: detail as 'memory' | 'disk' | 'kept', path: path.join(' '), refusals };
    }
    refusals.push(`${path.join(' ')}: ${refusalInWords(detail, neededBytes)}`);
  }
  return { kind: 'nowhere', refusals };
}

function refusalInWords(detail: string, neededBytes: number): string {
  if (detail === 'noexec') return 'noexec';
  if (detail === 'readonly') return 'not writable';
  if (detail === 'unsafe') return 'other users can write to it';
  const freeMB = Math.floor((Number(detail) * 1024) / 1e6);
  return `${freeMB} MB free, ${Math.ceil(neededBytes / 1e6)} needed`;
}
