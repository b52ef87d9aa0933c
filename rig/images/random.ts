import { createCipheriv, createHash } from 'node:crypto';

/** A seeded source of test data: the same seed gives the same draws, whatever the machine. */
export interface Random {
  /** A whole number from 0 to the limit, excluding the limit. */
  below(limit: number): number;
  /** Incompressible bytes. */
  fill(target: Buffer): void;
  /** Words and lines that compress about as source text does. */
  fillWithText(target: Buffer): void;
}

const WORDS = 4096;
/** Words are stored in units of 8 bytes, whatever their length, so that one store writes any of them. */
const WORD_BYTES_MAX = 8;
const ZEROS = Buffer.alloc(1024 * 1024);

export function makeRandom(seed: number): Random {
  const key = createHash('sha256').update(`${seed}`).digest();
  // The key stream of a block cipher: many times faster than any generator written in JavaScript.
  const cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  const next = makeXorshift(key.readUInt32LE(0));
  const words = makeWords(next);
  return {
    below: (limit) => Math.floor(((next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53) * limit),
    fill(target) {
      for (let offset = 0; offset < target.length; offset += ZEROS.length) {
        cipher.update(ZEROS.subarray(0, target.length - offset)).copy(target, offset);
      }
    },
    fillWithText: (target) => writeWords(target, words, next),
  };
}

/** Marsaglia's xorshift32: 32 random bits a call, enough for choices, not for the data itself. */
function makeXorshift(seed: number): () => number {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

interface Words {
  /** Each word as the number whose 8 bytes are its characters, then blanks. */
  readonly characters: Float64Array;
  readonly lengths: Uint8Array;
}

function makeWords(next: () => number): Words {
  const characters = Buffer.alloc(WORDS * WORD_BYTES_MAX, ' ');
  const lengths = new Uint8Array(WORDS);
  for (let word = 0; word < WORDS; word += 1) {
    const letters = 2 + (next() % (WORD_BYTES_MAX - 2));
    for (let letter = 0; letter < letters; letter += 1) {
      characters[word * WORD_BYTES_MAX + letter] = 97 + (next() % 26);
    }
    const isLineEnd = next() % 8 === 0;
    if (isLineEnd) characters[word * WORD_BYTES_MAX + letters] = 10;
    lengths[word] = letters + 1;
  }
  return { characters: new Float64Array(characters.buffer, characters.byteOffset, WORDS), lengths };
}

function writeWords(target: Buffer, { characters, lengths }: Words, next: () => number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  let offset = 0;
  while (offset + WORD_BYTES_MAX <= target.length) {
    const bits = next();
    // The product of two draws prefers the first words, as languages prefer some of theirs.
    const word = ((bits >>> 20) * ((bits >>> 8) & 4095)) >>> 12;
    view.setFloat64(offset, characters[word]!, true);
    offset += lengths[word]!;
  }
  target.fill(' ', offset);
}
