import { extentBytes, frameDigestBytes } from '../../src/digest/frame-digest.ts';
import { encodeFrameHeader, frameHeaderBytes } from '../../src/protocol/frame.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';
import type { Random } from '../../rig/images/random.ts';
import { sizeBytes, type Spoken } from './transcript.ts';

/** Corrupts a conversation in place. `others` is another conversation to the same end. */
type Mutation = (said: Buffer[], random: Random, others: readonly Buffer[]) => void;

const interestingNumbers = [
  0n,
  1n,
  2n,
  4095n,
  4096n,
  2n ** 20n,
  2n ** 31n - 1n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
];

export const mutations: Readonly<Record<string, Mutation>> = {
  'a flipped bit': (said, random) => {
    const frame = pick(said, random);
    frame[random.below(frame.length)]! ^= 1 << random.below(8);
  },
  'flipped bits in the payload': (said, random) => {
    const frame = pick(said, random);
    if (frame.length === frameHeaderBytes) return;
    for (let count = 1 + random.below(4); count > 0; count--) {
      frame[frameHeaderBytes + random.below(frame.length - frameHeaderBytes)]! ^= 1 << random.below(8);
    }
  },
  'a lost frame': (said, random) => void said.splice(random.below(said.length), 1),
  'a frame said twice': (said, random) => {
    const index = random.below(said.length);
    said.splice(random.below(said.length + 1), 0, Buffer.from(said[index]!));
  },
  'a frame moved': (said, random) => {
    const [frame] = said.splice(random.below(said.length), 1);
    said.splice(random.below(said.length + 1), 0, frame!);
  },
  'a frame of another conversation': (said, random, others) => {
    said.splice(random.below(said.length + 1), 0, Buffer.from(others[random.below(others.length)]!));
  },
  'another conversation from here on': (said, random, others) => {
    const start = random.below(others.length);
    said.splice(
      random.below(said.length),
      said.length,
      ...others.slice(start).map((frame) => Buffer.from(frame)),
    );
  },
  'another type': (said, random) => {
    pick(said, random)[2] = random.below(18);
  },
  'another length': (said, random) => {
    const frame = pick(said, random);
    const lengths = [
      0,
      1,
      frame.length - frameHeaderBytes + 1,
      2 ** 21,
      2 ** 21 + 1,
      2 ** 32 - 1,
      random.below(2 ** 24),
    ];
    frame.writeUInt32BE(lengths[random.below(lengths.length)]!, 4);
  },
  'a payload of another length': (said, random) => {
    const index = random.below(said.length);
    const frame = said[index]!;
    const kept = frame.subarray(0, frameHeaderBytes + random.below(frame.length - frameHeaderBytes + 1));
    const longer = Buffer.concat([frame, noise(random.below(100), random)]);
    const changed = Buffer.from(random.below(2) === 0 ? kept : longer);
    changed.writeUInt32BE(changed.length - frameHeaderBytes, 4);
    said[index] = changed;
  },
  'another number in the payload': (said, random) => {
    const frame = pick(said, random);
    const width = random.below(2) === 0 ? 8 : 4;
    if (frame.length < frameHeaderBytes + width) return;
    // Numbers are at the front, and in tables of 12 bytes after it.
    const last = Math.min(frame.length - width, frameHeaderBytes + 64);
    const at = frameHeaderBytes + random.below(last - frameHeaderBytes + 1);
    const value = interestingNumbers[random.below(interestingNumbers.length)]!;
    if (width === 8) frame.writeBigUInt64BE(value, at);
    else frame.writeUInt32BE(Number(value & 0xffff_ffffn), at);
  },
  'another extent': (said, random) => {
    const frames = said.filter((frame) => frame[2] === typeNumbers.data || frame[2] === typeNumbers.ask);
    if (frames.length === 0) return;
    const frame = pick(frames, random);
    const isData = frame[2] === typeNumbers.data;
    const table = frameHeaderBytes + (isData ? 4 + frameDigestBytes : 16);
    if (frame.length < table) return;
    const count = isData ? frame.readUInt16BE(frameHeaderBytes + 2) : frame.readUInt32BE(table - 4);
    const at = table + extentBytes * random.below(count);
    if (at + extentBytes > frame.length) return;
    const near = BigInt(sizeBytes - 4096 + random.below(8192));
    const numbers = [...interestingNumbers, near, near, near];
    const value = numbers[random.below(numbers.length)]!;
    if (random.below(2) === 0) frame.writeBigUInt64BE(value, at);
    else frame.writeUInt32BE(Number(value & 0xffff_ffffn), at + 8);
  },
  'another number in JSON': (said, random) => {
    const index = random.below(said.length);
    const frame = said[index]!;
    const text = frame.toString('latin1', frameHeaderBytes);
    const numbers = [...text.matchAll(/(?<=:)\d+/g)];
    if (!text.startsWith('{') || numbers.length === 0) return;
    const number = numbers[random.below(numbers.length)]!;
    const values = [
      '0',
      '1',
      '-1',
      '0.5',
      '1e308',
      'null',
      '9007199254740991',
      '4096',
      `${random.below(400_000)}`,
    ];
    const value = values[random.below(values.length)]!;
    const changed = text.slice(0, number.index) + value + text.slice(number.index + number[0].length);
    const header = Buffer.from(frame.subarray(0, frameHeaderBytes));
    header.writeUInt32BE(changed.length, 4);
    said[index] = Buffer.concat([header, Buffer.from(changed, 'latin1')]);
  },
  noise: (said, random) => {
    said.splice(random.below(said.length + 1), 0, noise(frameHeaderBytes + random.below(3000), random));
  },
  'the end': (said, random) => {
    const index = random.below(said.length);
    said.splice(index, said.length, said[index]!.subarray(0, random.below(said[index]!.length)));
  },
};

/** A conversation, corrupted once or a few times. */
export function mutate(
  spoken: readonly Spoken[],
  others: readonly Spoken[],
  random: Random,
): { readonly said: Buffer[]; readonly how: string[] } {
  const said = spoken.map(({ frame }) => Buffer.from(frame));
  const names = Object.keys(mutations);
  const how: string[] = [];
  for (let count = 1 + random.below(3); count > 0; count--) {
    const name = names[random.below(names.length)]!;
    // What was cut off or lost cannot be corrupted further.
    if (said.length === 0 || said.some((frame) => frame.length < frameHeaderBytes)) break;
    mutations[name]!(
      said,
      random,
      others.map(({ frame }) => frame),
    );
    if (!unsealed.has(name)) said.forEach(seal);
    how.push(name);
  }
  return { said, how };
}

/** The header must detect what these do to a frame. */
const unsealed = new Set(['a flipped bit', 'noise', 'the end']);

/** Makes the header match type, length and payload, as in a frame that is sent on purpose. */
function seal(frame: Buffer): void {
  if (frame.length < frameHeaderBytes) return;
  const lengthBytes = frame.readUInt32BE(4);
  frame.set(encodeFrameHeader(frame[2]!, [frame.subarray(frameHeaderBytes)]));
  frame.writeUInt32BE(lengthBytes, 4);
  frame.writeUInt32BE(~lengthBytes >>> 0, 8);
}

function pick(said: Buffer[], random: Random): Buffer {
  return said[random.below(said.length)]!;
}

function noise(lengthBytes: number, random: Random): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  random.fill(bytes);
  return bytes;
}
