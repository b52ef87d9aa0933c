import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { posix, resolve } from 'node:path';
import type { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { bytesOfPath, kernelPathOf, shownPath, type KernelPath } from './kernel-path.ts';
import { placeError, reasonOf, type Place } from './open.ts';
import { descriptorPath, kernelNameOf, reachOf, type Reach } from './reach.ts';
import { realKernelPath } from './regions.ts';

/** `O_PATH` of Linux, for which node has no name: the descriptor only stands for the file, and opens no device. */
const pathOnly = 0o10000000 | constants.O_NOFOLLOW;

/** An allowed path, as it was named. */
interface Allowed {
  readonly named: KernelPath;
  /** Without symbolic links. Undefined if it does not exist, or can't be examined. */
  readonly real: KernelPath | undefined;
  readonly failure?: BasynError;
}

/**
 * Finds the device of a place, which has to be one of the allowed paths, or below one that is a directory. Never touches
 * anything outside of them: each part of the path is opened relative to the one before, symbolic links are followed only if
 * they lead to an allowed path, and the descriptors stay open, so that nothing that is replaced later can lead elsewhere.
 *
 * @throws BasynError `refused`, with the same words whether anything exists there or not; `device`, if an allowed path can't
 *   be examined.
 */
export function reachAllowed(place: Place, allowedPaths: readonly string[]): Reach {
  const allowed = allowedPaths.map((path) => allowedAt(place, path));
  let wanted = wantedPath(place);
  for (let links = 0; links <= bounds.followedLinks; links++) {
    const found = walk(place, wanted, allowed);
    if (typeof found !== 'string') return found;
    wanted = found;
  }
  throw notAllowed(place);
}

function notAllowed(place: Place): Error {
  return placeError('refused', place, 'is not one of the paths that this key may use.');
}

/** A relative path is relative to the directory in which the process was started, as in a run without a restriction. */
function wantedPath(place: Place): KernelPath {
  const { path } = place;
  if (path.includes('\0') || path.split('/').includes('..')) throw notAllowed(place);
  // `resolve` would drop it, and name a file that the path itself does not name.
  if (/.\/\.?$/.test(path))
    throw placeError('device', place, 'has a name that ends like that of a directory.');
  return latin1Of(resolve(path));
}

function allowedAt(place: Place, path: string): Allowed {
  const named = latin1Of(resolve(path));
  try {
    return { named, real: realKernelPath(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { named, real: undefined };
    const failure = placeError('device', place, `can't be opened: ${reasonOf(error)}.`, { cause: error });
    return { named, real: undefined, failure };
  }
}

/** @returns where a symbolic link leads to, or how the device is reached. */
function walk(place: Place, wanted: KernelPath, allowed: readonly Allowed[]): KernelPath | Reach {
  const { real, parts } = startOf(place, wanted, allowed);
  const descriptors = [openAllowed(place, real)];
  let at = real;
  for (const [index, part] of parts.entries()) {
    const name = kernelPathOf(`${descriptorPath(descriptors.at(-1)!)}/${part}`);
    const fd = openPart(place, name);
    if (fd === undefined) {
      if (index + 1 < parts.length) {
        const directory = shownPath(kernelPathOf(posix.join(at, part)));
        throw placeError('device', place, `can't be opened: the directory ${directory} does not exist.`);
      }
      return { kind: 'missing', systemPath: textOf(place, name) };
    }
    descriptors.push(fd);
    if (fstatSync(fd).isSymbolicLink()) {
      const target = linkTarget(place, name);
      descriptors.forEach((descriptor) => closeSync(descriptor));
      return kernelPathOf(posix.resolve(at, target, ...parts.slice(index + 1)));
    }
    at = kernelPathOf(posix.join(at, part));
  }
  return inPath(place, () => reachOf(descriptors.at(-1)!));
}

/** The allowed path that contains a path, and the rest of it. The longest one comes first: it may be a link itself. */
function startOf(
  place: Place,
  wanted: KernelPath,
  allowed: readonly Allowed[],
): { readonly real: KernelPath; readonly parts: readonly string[] } {
  const candidates = allowed
    .flatMap((one) => [
      { ...one, base: one.named },
      ...(one.real === undefined ? [] : [{ ...one, base: one.real }]),
    ])
    .filter(({ base }) => contains(base, wanted))
    .sort((one, other) => other.base.length - one.base.length);
  const [first] = candidates;
  if (first === undefined) throw notAllowed(place);
  if (first.real === undefined) throw first.failure ?? placeError('device', place, 'does not exist.');
  return { real: first.real, parts: wanted.slice(first.base.length).split('/').filter(Boolean) };
}

function contains(base: KernelPath, path: KernelPath): boolean {
  return path === base || path.startsWith(base === '/' ? base : `${base}/`);
}

/** @returns a descriptor that is certain to be what the path named. */
function openAllowed(place: Place, real: KernelPath): number {
  const fd = openPart(place, real);
  if (fd === undefined) throw placeError('device', place, 'does not exist.');
  const opened = inPath(place, () => kernelNameOf(fd));
  // A directory above it was replaced by a symbolic link meanwhile.
  if (opened !== real || fstatSync(fd).isSymbolicLink()) throw notAllowed(place);
  return fd;
}

/** @returns undefined if nothing is there. */
function openPart(place: Place, name: KernelPath): number | undefined {
  return inPath(place, () => {
    try {
      return openSync(bytesOfPath(name), pathOnly);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  });
}

/**
 * Of a link such as `a/../b`, only the kernel knows where it leads, because `a` may be a link, too. So it is refused: the
 * result could be another file than the user means.
 */
function linkTarget(place: Place, name: KernelPath): string {
  const text = inPath(place, () => readlinkSync(bytesOfPath(name), 'buffer').toString('latin1'));
  const withoutStart = text.replace(/^(\.{1,2}(\/+|$))*/, '');
  if (withoutStart.split('/').includes('..')) throw notAllowed(place);
  return text;
}

function inPath<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw placeError('device', place, `can't be opened: ${reasonOf(error)}.`, { cause: error });
  }
}

/** Node takes paths as text. One that is not valid UTF-8 can't be named by a user either. */
function textOf(place: Place, path: KernelPath): string {
  const text = shownPath(path);
  if (latin1Of(text) !== path) throw notAllowed(place);
  return text;
}

function latin1Of(path: string): KernelPath {
  return kernelPathOf(Buffer.from(path).toString('latin1'));
}
