/**
 * How system calls reach a device whose path was checked and must not be followed again: a symbolic link on it may be
 * replaced at any time. The paths lead through a descriptor of this process, which stays open.
 *
 * - `existing`: the link of a descriptor that the device itself is behind.
 * - `missing`: a name, which did not exist, in a directory that is behind a descriptor. It may be created, but whatever
 *   appears there meanwhile is not opened.
 */
export interface Reach {
  readonly kind: 'existing' | 'missing';
  readonly systemPath: string;
}

/** The path for system calls. Messages name `path`. */
export function systemPathOf({ path, reach }: { readonly path: string; readonly reach?: Reach }): string {
  return reach?.systemPath ?? path;
}
