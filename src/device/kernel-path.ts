declare const kernelPath: unique symbol;

/**
 * A path as the kernel writes it: one character for each byte, because a name on a disk need not be UTF-8, and a
 * decoded one may then lead to another file or to none.
 */
export type KernelPath = string & { readonly [kernelPath]: true };

/** Bytes as a path: what `readFileSync(…, 'latin1')` gives. */
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
