/**
 * XXH3 with 128 bits ("XXH128"), seed 0 and the default secret, in AssemblyScript. The build compiles it twice: with SIMD, and
 * without it for processors that lack the instructions. src/digest/xxh128-wasm.ts has the other half.
 *
 * The caller puts the input into `area`, from its beginning. Input that fills it is followed by `absorb`, but only when
 * there is more: `finish` needs the last byte. Between `begin` and `finish`, the total is counted here.
 *
 * The names and numbers are those of the specification (xxHash, doc/xxhash_spec.md).
 */

const prime32x1: u64 = 0x9e3779b1;
const prime32x2: u64 = 0x85ebca77;
const prime32x3: u64 = 0xc2b2ae3d;
const prime64x1: u64 = 0x9e3779b185ebca87;
const prime64x2: u64 = 0xc2b2ae3d27d4eb4f;
const prime64x3: u64 = 0x165667b19e3779f9;
const prime64x4: u64 = 0x85ebca77c2b2ae63;
const prime64x5: u64 = 0x27d4eb2f165667c5;
const primeMx1: u64 = 0x165667919e3779f9;
const primeMx2: u64 = 0x9fb21c651e98df25;

// prettier-ignore
const secret: usize = memory.data<u8>([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
  0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
  0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
  0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
  0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
  0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
  0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
  0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
  0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
], 16);
const accumulators: usize = memory.data(64, 16);
const result: usize = memory.data(16, 16);

/** Before it, the last stripe of what was absorbed is kept: the final step reads 64 bytes, however short the rest is. */
const stripeBytes: usize = 64;
const areaStart: usize = 2048;
/** Stripes share the secret, each 8 bytes further on: so many until its end, 16 of 64 bytes. */
const blockShift: usize = 10;
const blockSecretBytes: usize = 128;

export const area: usize = areaStart;
export const digest: usize = result;

let total: u64 = 0;
/** The two halves of what is computed: WebAssembly functions of AssemblyScript return one value. */
let low: u64 = 0;
let high: u64 = 0;

export function begin(): void {
  total = 0;
  store<u64>(accumulators, prime32x3);
  store<u64>(accumulators, prime64x1, 8);
  store<u64>(accumulators, prime64x2, 16);
  store<u64>(accumulators, prime64x3, 24);
  store<u64>(accumulators, prime64x4, 32);
  store<u64>(accumulators, prime32x2, 40);
  store<u64>(accumulators, prime64x5, 48);
  store<u64>(accumulators, prime32x1, 56);
}

/** Takes the whole area: a multiple of 1024 bytes. */
export function absorb(bytes: usize): void {
  total += bytes;
  consume(areaStart, secret, bytes >> blockShift, 0);
  memory.copy(areaStart - stripeBytes, areaStart + bytes - stripeBytes, stripeBytes);
}

/** Takes the last bytes: at least one, unless there are none at all. Leaves the canonical form at `digest`. */
export function finish(bytes: usize): void {
  total += bytes;
  if (total > 240) finishLong(bytes);
  else if (total > 16) finishMiddle(bytes);
  else finishShort(bytes);
  store<u64>(result, bswap(high));
  store<u64>(result, bswap(low), 8);
}

/** The digest of what is in the area. */
export function digestArea(bytes: usize): void {
  begin();
  finish(bytes);
}

/** Adds whole blocks, each with a scramble after it, and then single stripes. */
function consume(input: usize, key: usize, blocks: usize, stripes: usize): void {
  if (ASC_FEATURE_SIMD) consumeWide(input, key, blocks, stripes);
  else consumeNarrow(input, key, blocks, stripes);
}

/**
 * Each lane gets the product of the two halves of its keyed input, and its neighbour's input. The inputs are added up apart, and
 * swapped only once for each block. Two vectors share the shuffles that separate the halves.
 */
function consumeWide(input: usize, key: usize, blocks: usize, stripes: usize): void {
  let a0 = v128.load(accumulators);
  let a1 = v128.load(accumulators, 16);
  let a2 = v128.load(accumulators, 32);
  let a3 = v128.load(accumulators, 48);
  for (;;) {
    const isRest = blocks == 0;
    const end = key + (isRest ? stripes << 3 : blockSecretBytes);
    let s0 = i64x2.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let k = key; k < end; k += 8) {
      const d0 = v128.load(input);
      const d1 = v128.load(input, 16);
      const x0 = v128.xor(d0, v128.load(k));
      const x1 = v128.xor(d1, v128.load(k, 16));
      const e0 = v128.shuffle<i32>(x0, x1, 0, 2, 4, 6);
      const o0 = v128.shuffle<i32>(x0, x1, 1, 3, 5, 7);
      s0 = i64x2.add(s0, d0);
      s1 = i64x2.add(s1, d1);
      a0 = i64x2.add(a0, i64x2.extmul_low_i32x4_u(e0, o0));
      a1 = i64x2.add(a1, i64x2.extmul_high_i32x4_u(e0, o0));
      const d2 = v128.load(input, 32);
      const d3 = v128.load(input, 48);
      const x2 = v128.xor(d2, v128.load(k, 32));
      const x3 = v128.xor(d3, v128.load(k, 48));
      const e2 = v128.shuffle<i32>(x2, x3, 0, 2, 4, 6);
      const o2 = v128.shuffle<i32>(x2, x3, 1, 3, 5, 7);
      s2 = i64x2.add(s2, d2);
      s3 = i64x2.add(s3, d3);
      a2 = i64x2.add(a2, i64x2.extmul_low_i32x4_u(e2, o2));
      a3 = i64x2.add(a3, i64x2.extmul_high_i32x4_u(e2, o2));
      input += stripeBytes;
    }
    a0 = i64x2.add(a0, v128.shuffle<i64>(s0, s0, 1, 0));
    a1 = i64x2.add(a1, v128.shuffle<i64>(s1, s1, 1, 0));
    a2 = i64x2.add(a2, v128.shuffle<i64>(s2, s2, 1, 0));
    a3 = i64x2.add(a3, v128.shuffle<i64>(s3, s3, 1, 0));
    if (isRest) break;
    a0 = scrambleWide(a0, 0);
    a1 = scrambleWide(a1, 16);
    a2 = scrambleWide(a2, 32);
    a3 = scrambleWide(a3, 48);
    blocks--;
  }
  v128.store(accumulators, a0);
  v128.store(accumulators, a1, 16);
  v128.store(accumulators, a2, 32);
  v128.store(accumulators, a3, 48);
}

function scrambleWide(a: v128, at: usize): v128 {
  const mixed = v128.xor(v128.xor(a, i64x2.shr_u(a, 47)), v128.load(secret + blockSecretBytes + at));
  return i64x2.mul(mixed, i64x2.splat(prime32x1));
}

/** The same with 64 bits at a time, in pairs of lanes. */
function consumeNarrow(input: usize, key: usize, blocks: usize, stripes: usize): void {
  let a0 = load<u64>(accumulators);
  let a1 = load<u64>(accumulators, 8);
  let a2 = load<u64>(accumulators, 16);
  let a3 = load<u64>(accumulators, 24);
  let a4 = load<u64>(accumulators, 32);
  let a5 = load<u64>(accumulators, 40);
  let a6 = load<u64>(accumulators, 48);
  let a7 = load<u64>(accumulators, 56);
  for (;;) {
    const isRest = blocks == 0;
    const end = key + (isRest ? stripes << 3 : blockSecretBytes);
    for (let k = key; k < end; k += 8) {
      a0 += product(input, k) + load<u64>(input, 8);
      a1 += product(input + 8, k + 8) + load<u64>(input);
      a2 += product(input + 16, k + 16) + load<u64>(input, 24);
      a3 += product(input + 24, k + 24) + load<u64>(input, 16);
      a4 += product(input + 32, k + 32) + load<u64>(input, 40);
      a5 += product(input + 40, k + 40) + load<u64>(input, 32);
      a6 += product(input + 48, k + 48) + load<u64>(input, 56);
      a7 += product(input + 56, k + 56) + load<u64>(input, 48);
      input += stripeBytes;
    }
    if (isRest) break;
    a0 = scrambleNarrow(a0, 0);
    a1 = scrambleNarrow(a1, 8);
    a2 = scrambleNarrow(a2, 16);
    a3 = scrambleNarrow(a3, 24);
    a4 = scrambleNarrow(a4, 32);
    a5 = scrambleNarrow(a5, 40);
    a6 = scrambleNarrow(a6, 48);
    a7 = scrambleNarrow(a7, 56);
    blocks--;
  }
  store<u64>(accumulators, a0);
  store<u64>(accumulators, a1, 8);
  store<u64>(accumulators, a2, 16);
  store<u64>(accumulators, a3, 24);
  store<u64>(accumulators, a4, 32);
  store<u64>(accumulators, a5, 40);
  store<u64>(accumulators, a6, 48);
  store<u64>(accumulators, a7, 56);
}

function product(input: usize, key: usize): u64 {
  const keyed = load<u64>(input) ^ load<u64>(key);
  return (keyed & 0xffffffff) * (keyed >> 32);
}

function scrambleNarrow(a: u64, at: usize): u64 {
  return (a ^ (a >> 47) ^ load<u64>(secret + blockSecretBytes + at)) * prime32x1;
}

function finishLong(bytes: usize): void {
  const blocks = (bytes - 1) >> blockShift;
  consume(areaStart, secret, blocks, (bytes - 1 - (blocks << blockShift)) >> 6);
  consume(areaStart + bytes - stripeBytes, secret + 121, 0, 1);
  low = merge(secret + 11, total * prime64x1);
  high = merge(secret + 117, ~(total * prime64x2));
}

function merge(key: usize, start: u64): u64 {
  let sum = start;
  for (let i: usize = 0; i < 64; i += 16) sum += mix16(accumulators + i, key + i);
  return avalanche(sum);
}

/** 17 to 240 bytes. */
function finishMiddle(bytes: usize): void {
  const end = areaStart + bytes;
  low = bytes * prime64x1;
  high = 0;
  if (bytes <= 128) {
    for (let at = (<isize>((bytes - 1) >> 5)) << 4; at >= 0; at -= 16) {
      mix32(areaStart + at, end - 16 - at, secret + (at << 1));
    }
  } else {
    for (let at: usize = 0; at < 128; at += 32) mix32(areaStart + at, areaStart + at + 16, secret + at);
    low = avalanche(low);
    high = avalanche(high);
    for (let at: usize = 128; at + 32 <= bytes; at += 32) {
      mix32(areaStart + at, areaStart + at + 16, secret + at - 125);
    }
    mix32(end - 16, end - 32, secret + 103);
  }
  const sum = low + high;
  high = 0 - avalanche(low * prime64x1 + high * prime64x4 + bytes * prime64x2);
  low = avalanche(sum);
}

function mix32(first: usize, second: usize, key: usize): void {
  low = (low + mix16(first, key)) ^ (load<u64>(second) + load<u64>(second, 8));
  high = (high + mix16(second, key + 16)) ^ (load<u64>(first) + load<u64>(first, 8));
}

function mix16(input: usize, key: usize): u64 {
  const a = load<u64>(input) ^ load<u64>(key);
  const b = load<u64>(input, 8) ^ load<u64>(key, 8);
  return (a * b) ^ upperProduct(a, b);
}

/** Up to 16 bytes. */
function finishShort(bytes: usize): void {
  const end = areaStart + bytes;
  if (bytes > 8) {
    const last = load<u64>(end - 8);
    const keyed = load<u64>(areaStart) ^ last ^ keyAt(32);
    const other = last ^ keyAt(48);
    const mixed = upperProduct(keyed, prime64x1) + other + (other & 0xffffffff) * (prime32x2 - 1);
    const folded = (keyed * prime64x1 + ((<u64>bytes - 1) << 54)) ^ bswap(mixed);
    low = avalanche(folded * prime64x2);
    high = avalanche(upperProduct(folded, prime64x2) + mixed * prime64x2);
  } else if (bytes > 3) {
    const keyed = ((<u64>load<u32>(areaStart)) | ((<u64>load<u32>(end - 4)) << 32)) ^ keyAt(16);
    const factor = prime64x1 + ((<u64>bytes) << 2);
    const lower = keyed * factor;
    const upper = upperProduct(keyed, factor) + (lower << 1);
    const mixed = lower ^ (upper >> 3);
    const spread = (mixed ^ (mixed >> 35)) * primeMx2;
    low = spread ^ (spread >> 28);
    high = avalanche(upper);
  } else if (bytes > 0) {
    const ends = ((<u32>load<u8>(areaStart)) << 16) | (<u32>load<u8>(end - 1));
    const all = ends | ((<u32>load<u8>(areaStart + (bytes >> 1))) << 24) | ((<u32>bytes) << 8);
    low = finalMix(all ^ load<u32>(secret) ^ load<u32>(secret, 4));
    high = finalMix(rotl<u32>(bswap<u32>(all), 13) ^ load<u32>(secret, 8) ^ load<u32>(secret, 12));
  } else {
    low = finalMix(keyAt(64));
    high = finalMix(keyAt(80));
  }
}

function keyAt(offset: usize): u64 {
  return load<u64>(secret + offset) ^ load<u64>(secret + offset, 8);
}

/** The upper 64 of the 128 bits of a product. */
function upperProduct(a: u64, b: u64): u64 {
  const lowerA = a & 0xffffffff;
  const lowerB = b & 0xffffffff;
  const upperA = a >> 32;
  const upperB = b >> 32;
  const middle = upperA * lowerB;
  const carried = ((lowerA * lowerB) >> 32) + (middle & 0xffffffff) + lowerA * upperB;
  return (middle >> 32) + (carried >> 32) + upperA * upperB;
}

/** XXH3's avalanche. */
function avalanche(value: u64): u64 {
  const spread = (value ^ (value >> 37)) * primeMx1;
  return spread ^ (spread >> 32);
}

/** XXH64's. */
function finalMix(value: u64): u64 {
  const once = (value ^ (value >> 33)) * prime64x2;
  const twice = (once ^ (once >> 29)) * prime64x3;
  return twice ^ (twice >> 32);
}
