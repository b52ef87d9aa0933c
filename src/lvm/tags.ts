/**
 * The tags of the snapshots that Basyn makes. LVM allows letters, digits and `_+.-` in tags of every version.
 *
 * - `basyn`: marks all of them, for users.
 * - `basyn.id.ID`: random. Names exactly one snapshot, so that nothing else can be removed by mistake.
 * - `basyn.run.TOKEN`: the run, if it may have several attempts.
 * - `basyn.cleaner.BOOT.PID.START`: the process that removes it at the end. If that process is gone, the snapshot is left over.
 * - `basyn.base`: it is kept as the base of the next run, and is never left over.
 * - `basyn.pair.ID`: the source and target that it is the base of. A pair has one.
 * - `basyn.blocks.N`: the blocks of its pool that it has mapped. A base that was changed has another number.
 */
export const mark = 'basyn';
export const baseTag = 'basyn.base';

const idPrefix = 'basyn.id.';
const cleanerPrefix = 'basyn.cleaner.';

export function idTagOf(id: string): string {
  return `${idPrefix}${id}`;
}

/** @param pairId of a source and a target, in hexadecimal. */
export function pairTagOf(pairId: string): string {
  return `basyn.pair.${pairId}`;
}

const blocksPrefix = 'basyn.blocks.';

export function blocksTagOf(blockCount: number): string {
  return `${blocksPrefix}${blockCount}`;
}

/** @returns undefined where no tag says it. */
export function blocksIn(tags: readonly string[]): number | undefined {
  const text = tags.find((tag) => tag.startsWith(blocksPrefix))?.slice(blocksPrefix.length) ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** @param token of `run` in the protocol's `open`. */
export function runTagOf(token: string): string {
  return `basyn.run.${token}`;
}

/** A process, for as long as the host is not started again. */
export interface ProcessName {
  readonly bootId: string;
  readonly pid: number;
  /** When it started: another process may get its id later. In ticks since the boot. */
  readonly startTicks: string;
}

export function cleanerTagOf({ bootId, pid, startTicks }: ProcessName): string {
  return `${cleanerPrefix}${bootId.replaceAll('-', '')}.${pid}.${startTicks}`;
}

/** The tag of the snapshot's cleaner, among others. */
export function cleanerTagIn(tags: readonly string[]): string | undefined {
  return tags.find((tag) => tag.startsWith(cleanerPrefix));
}

/** @returns undefined for a tag that {@link cleanerTagOf} did not make. */
export function cleanerOf(tag: string): ProcessName | undefined {
  const [bootId, pid, startTicks, ...rest] = tag.slice(cleanerPrefix.length).split('.');
  if (bootId === undefined || pid === undefined || startTicks === undefined || rest.length > 0)
    return undefined;
  return /^\d+$/.test(pid) ? { bootId, pid: Number(pid), startTicks } : undefined;
}

export function idTagIn(tags: readonly string[]): string | undefined {
  return tags.find((tag) => tag.startsWith(idPrefix));
}

export function runTagsIn(tags: readonly string[]): string[] {
  return tags.filter((tag) => tag.startsWith('basyn.run.'));
}

/** "mail-basyn-base-1a2b3c4d", for a snapshot that is kept. */
export function baseNameOf({ name }: { readonly name: string }): string {
  return name.replace(/-basyn-(?=\w{8}$)/, '-basyn-base-');
}

/** Characters of the origin's name in the name of its snapshot: a name of LVM has at most 127. */
const originCharacters = 40;

/** "mail-basyn-1a2b3c4d". */
export function snapshotNameOf(originName: string, id: string): string {
  return `${originName.slice(0, originCharacters)}-basyn-${id.slice(0, 8)}`;
}
