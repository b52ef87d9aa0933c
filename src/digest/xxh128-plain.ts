import type { Xxh128Engine } from './xxh128.ts';

/**
 * XXH128 in plain JavaScript, for a node without WebAssembly: the names and numbers are those of the specification (xxHash,
 * doc/xxhash_spec.md). It computes with BigInt, except in the loop over long inputs.
 */

const prime32x1 = 0x9e3779b1n;
const prime32x2 = 0x85ebca77n;
const prime32x3 = 0xc2b2ae3dn;
const prime64x1 = 0x9e3779b185ebca87n;
const prime64x2 = 0xc2b2ae3d27d4eb4fn;
const prime64x3 = 0x165667b19e3779f9n;
const prime64x4 = 0x85ebca77c2b2ae63n;
const prime64x5 = 0x27d4eb2f165667c5n;
const primeMx1 = 0x165667919e3779f9n;
const primeMx2 = 0x9fb21c651e98df25n;

const secret = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221' +
    'b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb' +
    '170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
);

const stripeBytes = 64;
const blockBytes = 1024;
const blockStripes = blockBytes / stripeBytes;
const lanes = 8;
const areaBytes = 64 * blockBytes;

export function plainEngine(): Xxh128Engine {
  // Before the area, the last stripe of what was absorbed is kept: the final step reads 64 bytes, however short the rest is.
  const memory = Buffer.alloc(stripeBytes + areaBytes);
  const area = memory.subarray(stripeBytes);
  const accumulators = new Accumulators(memory);
  let totalBytes = 0;
  return {
    area,
    begin: () => {
      totalBytes = 0;
      accumulators.begin();
    },
    absorb: (lengthBytes) => {
      totalBytes += lengthBytes;
      accumulators.addBlocks(stripeBytes, lengthBytes / blockBytes);
      memory.copyWithin(0, lengthBytes, stripeBytes + lengthBytes);
    },
    finish: (lengthBytes) => {
      totalBytes += lengthBytes;
      if (totalBytes > 240) return accumulators.finish(lengthBytes, BigInt(totalBytes));
      const input = area.subarray(0, lengthBytes);
      return canonical(...(lengthBytes > 16 ? ofMiddle(input) : ofShort(input)));
    },
  };
}

/** The state for more than 240 bytes: 8 lanes of 64 bits. */
class Accumulators {
  readonly #view: DataView;
  readonly #lanes = new BigUint64Array(lanes);
  /**
   * What the stripes of a block add to each lane, in parts that a double holds exactly: products of 32 with the lower and with
   * the upper 16 bits of a factor, and the lower and upper 32 bits of the input.
   */
  readonly #lowerProducts = new Float64Array(lanes);
  readonly #upperProducts = new Float64Array(lanes);
  readonly #lowerInputs = new Float64Array(lanes);
  readonly #upperInputs = new Float64Array(lanes);

  constructor(memory: Buffer) {
    this.#view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  }

  begin(): void {
    const start = [prime32x3, prime64x1, prime64x2, prime64x3, prime64x4, prime32x2, prime64x5, prime32x1];
    this.#lanes.set(start);
  }

  addBlocks(at: number, count: number): void {
    for (let block = 0; block < count; block++) {
      this.#addStripes(at + block * blockBytes, blockStripes, 0);
      for (let lane = 0; lane < lanes; lane++) {
        const value = this.#lanes[lane]!;
        const mixed = value ^ (value >> 47n) ^ keyAt(128 + 8 * lane);
        this.#lanes[lane] = mixed * prime32x1;
      }
    }
  }

  finish(lengthBytes: number, totalBytes: bigint): Uint8Array {
    const blocks = Math.floor((lengthBytes - 1) / blockBytes);
    const restBytes = lengthBytes - blocks * blockBytes;
    this.addBlocks(stripeBytes, blocks);
    this.#addStripes(stripeBytes + blocks * blockBytes, Math.floor((restBytes - 1) / stripeBytes), 0);
    this.#addStripes(lengthBytes, 1, 121);
    return canonical(this.#merge(11, totalBytes * prime64x1), this.#merge(117, ~(totalBytes * prime64x2)));
  }

  /** At most a block's. */
  #addStripes(at: number, count: number, keyOffset: number): void {
    const view = this.#view;
    const lowerProducts = this.#lowerProducts.fill(0);
    const upperProducts = this.#upperProducts.fill(0);
    const lowerInputs = this.#lowerInputs.fill(0);
    const upperInputs = this.#upperInputs.fill(0);
    for (let stripe = 0; stripe < count; stripe++) {
      for (let lane = 0; lane < lanes; lane++) {
        const inputAt = at + stripe * stripeBytes + lane * 8;
        const keyIndex = keyOffset + (stripe + lane) * 8;
        const lower = view.getUint32(inputAt, true);
        const upper = view.getUint32(inputAt + 4, true);
        const lowerKeyed = (lower ^ secretView.getUint32(keyIndex, true)) >>> 0;
        const upperKeyed = upper ^ secretView.getUint32(keyIndex + 4, true);
        lowerProducts[lane]! += lowerKeyed * (upperKeyed & 0xffff);
        upperProducts[lane]! += lowerKeyed * (upperKeyed >>> 16);
        lowerInputs[lane ^ 1]! += lower;
        upperInputs[lane ^ 1]! += upper;
      }
    }
    for (let lane = 0; lane < lanes; lane++) {
      const product = BigInt(lowerProducts[lane]!) + (BigInt(upperProducts[lane]!) << 16n);
      const input = BigInt(lowerInputs[lane]!) + (BigInt(upperInputs[lane]!) << 32n);
      this.#lanes[lane]! += product + input;
    }
  }

  #merge(keyOffset: number, start: bigint): bigint {
    let sum = start;
    for (let lane = 0; lane < lanes; lane += 2) {
      const key = keyOffset + 8 * lane;
      sum += folded(this.#lanes[lane]! ^ keyAt(key), this.#lanes[lane + 1]! ^ keyAt(key + 8));
    }
    return avalanche(sum);
  }
}

type Halves = readonly [low: bigint, high: bigint];

/** 17 to 240 bytes. */
function ofMiddle(input: Buffer): Halves {
  const lengthBytes = input.byteLength;
  let low = u64(BigInt(lengthBytes) * prime64x1);
  let high = 0n;
  const mix = (first: number, second: number, key: number): void => {
    low = u64(low + mixed(input, first, key)) ^ sumAt(input, second);
    high = u64(high + mixed(input, second, key + 16)) ^ sumAt(input, first);
  };
  if (lengthBytes <= 128) {
    const last = ((lengthBytes - 1) >> 5) << 4;
    for (let at = last; at >= 0; at -= 16) mix(at, lengthBytes - 16 - at, 2 * at);
  } else {
    for (let at = 0; at < 128; at += 32) mix(at, at + 16, at);
    low = avalanche(low);
    high = avalanche(high);
    for (let at = 128; at + 32 <= lengthBytes; at += 32) mix(at, at + 16, at - 125);
    mix(lengthBytes - 16, lengthBytes - 32, 103);
  }
  const scaled = low * prime64x1 + high * prime64x4 + BigInt(lengthBytes) * prime64x2;
  return [avalanche(low + high), u64(-avalanche(scaled))];
}

function mixed(input: Buffer, at: number, key: number): bigint {
  return folded(input.readBigUInt64LE(at) ^ keyAt(key), input.readBigUInt64LE(at + 8) ^ keyAt(key + 8));
}

function sumAt(input: Buffer, at: number): bigint {
  return u64(input.readBigUInt64LE(at) + input.readBigUInt64LE(at + 8));
}

/** Up to 16 bytes. */
function ofShort(input: Buffer): Halves {
  const lengthBytes = input.byteLength;
  if (lengthBytes > 8) return ofNineOrMore(input);
  if (lengthBytes > 3) {
    const ends = (BigInt(input.readUInt32LE(lengthBytes - 4)) << 32n) | BigInt(input.readUInt32LE(0));
    const product = (ends ^ keyPair(16)) * (prime64x1 + BigInt(4 * lengthBytes));
    const upper = u64((product >> 64n) + (u64(product) << 1n));
    const lower = u64(product) ^ (upper >> 3n);
    const spread = u64((lower ^ (lower >> 35n)) * primeMx2);
    return [spread ^ (spread >> 28n), avalanche(upper)];
  }
  if (lengthBytes === 0) return [finalMix(keyPair(64)), finalMix(keyPair(80))];
  const [first, middle, last] = [input[0]!, input[lengthBytes >> 1]!, input[lengthBytes - 1]!];
  const all = Buffer.from([last, lengthBytes, first, middle]);
  const turned = (all.readUInt32BE() << 13) | (all.readUInt32BE() >>> 19);
  const key = (at: number): number => secret.readUInt32LE(at) ^ secret.readUInt32LE(at + 4);
  return [finalMix(BigInt((all.readUInt32LE() ^ key(0)) >>> 0)), finalMix(BigInt((turned ^ key(8)) >>> 0))];
}

function ofNineOrMore(input: Buffer): Halves {
  const last = input.readBigUInt64LE(input.byteLength - 8);
  const product = (input.readBigUInt64LE(0) ^ last ^ keyPair(32)) * prime64x1;
  const other = last ^ keyPair(48);
  const upper = u64((product >> 64n) + other + (other & 0xffffffffn) * (prime32x2 - 1n));
  const lower = u64(product + (BigInt(input.byteLength - 1) << 54n)) ^ swapped(upper);
  const spread = lower * prime64x2;
  return [avalanche(u64(spread)), avalanche((spread >> 64n) + upper * prime64x2)];
}

const secretView = new DataView(secret.buffer, secret.byteOffset, secret.byteLength);

function keyAt(offset: number): bigint {
  return secretView.getBigUint64(offset, true);
}

function keyPair(offset: number): bigint {
  return keyAt(offset) ^ keyAt(offset + 8);
}

function folded(a: bigint, b: bigint): bigint {
  const product = a * b;
  return u64(product) ^ (product >> 64n);
}

/** XXH3's avalanche. */
function avalanche(sum: bigint): bigint {
  const value = u64(sum);
  const spread = u64((value ^ (value >> 37n)) * primeMx1);
  return spread ^ (spread >> 32n);
}

/** XXH64's. */
function finalMix(value: bigint): bigint {
  const once = u64((value ^ (value >> 33n)) * prime64x2);
  const twice = u64((once ^ (once >> 29n)) * prime64x3);
  return twice ^ (twice >> 32n);
}

function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

function swapped(value: bigint): bigint {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

function canonical(low: bigint, high: bigint): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(high);
  bytes.writeBigUInt64BE(low, 8);
  return bytes;
}
