/**
 * What the kernel reports about writes to a device or file, for the comparison with a later moment. Plain JSON. An empty
 * text is a fact that is not known. Writes to the storage *below* a device are invisible to it, except to the file below a
 * loop device.
 */
export interface ContentMarks {
  /** The boot for which the others hold. */
  readonly bootId: string;
  /** Changes if the device is attached or activated again, or if another file has the path. */
  readonly attachment: string;
  /** Changes with each write and discard. */
  readonly writes: string;
}

/** Why a device may have been written to since the marks were read. Undefined: it was not. */
export type Doubt = 'unknown' | 'restarted' | 'attached again' | 'written to';

/** Whether anything was written between two moments. */
export function doubtAbout(earlier: ContentMarks, now: ContentMarks): Doubt | undefined {
  const doubt = attachmentDoubt(earlier, now);
  if (doubt !== undefined) return doubt;
  if (earlier.writes === '' || now.writes === '') return 'unknown';
  return earlier.writes === now.writes ? undefined : 'written to';
}

/** The same for a device whose writes do not count. */
export function attachmentDoubt(earlier: ContentMarks, now: ContentMarks): Doubt | undefined {
  if (earlier.bootId === '' || now.bootId === '') return 'unknown';
  if (earlier.bootId !== now.bootId) return 'restarted';
  if (earlier.attachment === '' || now.attachment === '') return 'unknown';
  return earlier.attachment === now.attachment ? undefined : 'attached again';
}

/** Nothing is certain: whoever compares it with other marks finds a doubt. */
export const unknownMarks: ContentMarks = { bootId: '', attachment: '', writes: '' };
