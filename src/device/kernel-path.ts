declare const kernelPath: unique symbol;

/**
 * A path as the kernel reports it: one character for each byte. A name on a disk need not be valid UTF-8. Decoding it
 * could produce the name of another file.
 */
export type KernelPath = string & { readonly [kernelPath]: true };

/** Bytes as a path, as `readFileSync(…, 'latin1')` returns them. */
export function kernelPathOf(latin1: string): KernelPath {
  return latin1 as KernelPath;
}

/** For a system call. */
export function bytesOfPath(path: KernelPath): Buffer {
  return Buffer.from(path, 'latin1');
}

/** For a message. */
export function shownPath(path: KernelPath): string {
  return bytesOfPath(path).toString();
}

/** The last part of a path. */
export function baseNameOf(path: KernelPath): KernelPath {
  return path.slice(path.lastIndexOf('/') + 1) as KernelPath;
}
