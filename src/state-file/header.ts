import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { hashNames } from '../digest/hash-names.ts';
import { bounds } from '../limits.ts';
import { headerBytes, headerCount } from './layout.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const fact = v.pipe(v.string(), v.maxLength(bounds.maxIdentityCharacters));
const marks = v.object({ bootId: fact, attachment: fact, writes: fact });

const headerSchema = v.object({
  /** `open`: a run has begun to write to the target, and has not ended well. */
  state: v.picklist(['clean', 'open']),
  /** Increased with each header that is written. */
  sequence: v.pipe(count, v.minValue(1)),
  /** Random, 16 bytes in hexadecimal. */
  fileId: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  generation: v.pipe(count, v.minValue(1)),
  /** The bytes of the device that the digests cover. */
  sizeBytes: count,
  bufferBytes: v.pipe(count, v.minValue(bounds.minBufferBytes), v.maxValue(bounds.maxBufferBytes)),
  /** The digest of a buffer is that of the digests of its blocks, of this length. */
  blockBytes: v.pipe(count, v.minValue(1), v.maxValue(bounds.maxBufferBytes)),
  hash: v.picklist(hashNames),
  /** Whose contents the file describes. `null`: it was made from the source alone. */
  target: v.nullable(
    v.object({
      /** The host as the user wrote it. '' for the host on which the command runs. */
      host: v.pipe(v.string(), v.maxLength(bounds.maxPathBytes)),
      path: v.pipe(v.string(), v.maxLength(bounds.maxPathBytes)),
      /** At the end of the last run. Of an interrupted run, they prove nothing. */
      marks,
    }),
  ),
  /** The first buffer that the next run with `--scrub` compares. */
  scrubBuffer: count,
  /** What the next run asks its source's volume manager about. Only the code that made it knows its form. */
  base: v.nullable(v.unknown()),
});
export type Header = v.InferOutput<typeof headerSchema>;

/** The first bytes of each header, with the version of the format. */
export const magic = Buffer.from('basyn state 1\n', 'latin1');

const lengthOffsetBytes = 16;
const checksumOffsetBytes = 20;
const textOffsetBytes = 52;

/** The slot of a header: the two are written in turn, so that the older one survives a write that is cut. */
export function slotOf({ sequence }: Pick<Header, 'sequence'>): number {
  return sequence % headerCount;
}

/** @throws Error if the text does not fit: its parts are bounded, so that is a bug. */
export function encodeHeader(header: Header): Buffer {
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  if (text.byteLength > headerBytes - textOffsetBytes) throw new Error('the header is too long');
  const page = Buffer.alloc(headerBytes);
  magic.copy(page);
  page.writeUInt32LE(text.byteLength, lengthOffsetBytes);
  checksumOf(text).copy(page, checksumOffsetBytes);
  text.copy(page, textOffsetBytes);
  return page;
}

/** Whether the bytes begin as a header does, whatever follows. */
export function hasMagic(page: Buffer): boolean {
  return page.subarray(0, magic.byteLength).equals(magic);
}

/** @returns undefined if the header is damaged, or was never written. */
export function decodeHeader(page: Buffer): Header | undefined {
  if (page.byteLength < headerBytes || !hasMagic(page)) return undefined;
  const lengthBytes = page.readUInt32LE(lengthOffsetBytes);
  if (lengthBytes > headerBytes - textOffsetBytes) return undefined;
  const text = page.subarray(textOffsetBytes, textOffsetBytes + lengthBytes);
  if (!checksumOf(text).equals(page.subarray(checksumOffsetBytes, textOffsetBytes))) return undefined;
  const parsed = v.safeParse(headerSchema, parseJson(text.toString('utf8')));
  return parsed.success ? parsed.output : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checksumOf(text: Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}
