import { bounds } from '../limits.ts';

/** Which checkpoint covers a data frame: 1 for the first one, up to `bounds.frameGroups`, then 1 again. */
export type FrameGroup = number;

/** The group that follows. */
export function groupAfter(group: FrameGroup): FrameGroup {
  return (group % bounds.frameGroups) + 1;
}

/**
 * The byte for a group: its number and a parity bit, so that a single altered bit is detected. The digest of a data frame
 * does not cover the group.
 *
 * @param group undefined: a phase without checkpoints.
 */
export function groupByteOf(group: FrameGroup | undefined): number {
  return group === undefined ? 0 : (group << 1) | parityOf(group);
}

/** Returns undefined for a phase without checkpoints, and `'unknown'` for a byte that {@link groupByteOf} never returns. */
export function groupOfByte(byte: number): FrameGroup | undefined | 'unknown' {
  const group = byte >> 1;
  if ((byte & 1) !== parityOf(group)) return 'unknown';
  return group === 0 ? undefined : group;
}

function parityOf(number: number): number {
  let parity = 0;
  for (let rest = number; rest > 0; rest >>= 1) parity ^= rest & 1;
  return parity;
}
