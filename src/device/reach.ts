import { readlinkSync, realpathSync } from 'node:fs';
import { kernelPathOf, type KernelPath } from './kernel-path.ts';

/**
 * How system calls reach a device whose path was checked and must not be followed again: a symbolic link on it may be
 * replaced at any time. The paths lead through a descriptor of this process, which stays open.
 *
 * - `existing`: the link of a descriptor that the device itself is behind.
 * - `missing`: a name, which did not exist, in a directory that is behind a descriptor. It may be created, but whatever
 *   appears there meanwhile is not opened.
 */
export type Reach = ExistingReach | MissingReach;

interface ExistingReach {
  readonly kind: 'existing';
  readonly systemPath: string;
  /** Where the kernel knew the device when it was checked. */
  readonly realPath: KernelPath;
}

interface MissingReach {
  readonly kind: 'missing';
  readonly systemPath: string;
}

/** The reach of an open file or device. */
export function reachOf(fd: number): ExistingReach {
  return { kind: 'existing', systemPath: descriptorPath(fd), realPath: kernelNameOf(fd) };
}

/**
 * Whether a path still leads to an open file. Unlike `stat` of the path, the answer is the same wherever else it may lead.
 *
 * @throws NodeJS.ErrnoException if the kernel does not tell where the file is.
 */
export function isStillAt(fd: number, path: string, { realPath }: ExistingReach): boolean {
  return kernelNameOf(fd) === realPath && realPathIfAny(path) === realPath;
}

/** The path of a descriptor of this process. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** The path of an open file as the kernel knows it now. */
export function kernelNameOf(fd: number): KernelPath {
  return kernelPathOf(readlinkSync(descriptorPath(fd), 'buffer').toString('latin1'));
}

function realPathIfAny(path: string): KernelPath | undefined {
  try {
    return kernelPathOf(realpathSync.native(path, 'buffer').toString('latin1'));
  } catch {
    // Whatever the reason is: the path leads elsewhere, or nowhere.
    return undefined;
  }
}

/** The path for system calls. Messages name `path`. */
export function systemPathOf({ path, reach }: { readonly path: string; readonly reach?: Reach }): string {
  return reach?.systemPath ?? path;
}
