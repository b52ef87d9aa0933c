import type { FilePlace } from './file-errors.ts';
import { readAt, writeAt } from './file-io.ts';
import { decodeHeader, encodeHeader, hasMagic, slotOf, type Header } from './header.ts';
import { headerBytes, headerCount } from './layout.ts';

/** What the start of a file is. `foreign`: it is not a state file, so it must not be changed. */
export type FoundHeader = Header | 'damaged' | 'foreign';

/** The newest header that is not damaged. */
export function readHeader(place: FilePlace, fd: number): FoundHeader {
  const slots = Array.from({ length: headerCount }, (_, slot) => readSlot(place, fd, slot));
  const headers = slots.flatMap((slot) => decodeHeader(slot) ?? []);
  const [newest] = headers.sort((a, b) => b.sequence - a.sequence);
  if (newest !== undefined) return newest;
  return slots.some(hasMagic) ? 'damaged' : 'foreign';
}

/** Writes the header into the slot of the older one. It is not durable yet. */
export function writeHeader(place: FilePlace, fd: number, header: Header): void {
  writeAt(place, fd, encodeHeader(header), slotOf(header) * headerBytes);
}

function readSlot(place: FilePlace, fd: number, slot: number): Buffer {
  const page = Buffer.alloc(headerBytes);
  readAt(place, fd, page, slot * headerBytes);
  return page;
}
