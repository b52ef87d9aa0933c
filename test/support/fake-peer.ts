/**
 * A remote side that lies: `node fake-peer.mjs BEHAVIOUR SIZE` prints the loader's banner, discards the agent's
 * program, and then follows its behaviour. It ends with its stdin, unless the behaviour is to refuse that.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { bounds } from '../../src/limits.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { encodeFrameHeader, FrameDecoder } from '../../src/protocol/frame.ts';
import type { Message } from '../../src/protocol/messages.ts';
import { zeroFrameDigest } from './frame-digest.ts';

export type Behaviour = keyof typeof behaviours;

const sizeBytes = Number(process.argv[3]);

const opened: Message = {
  type: 'opened',
  kind: 'regular file',
  sizeBytes,
  identity: {
    machine: { bootId: 'elsewhere', kernel: '', hardware: '', wallMs: 0, monotonicMs: 0 },
    regions: [],
    gaps: [],
  },
  warnings: [],
  cachedBecause: null,
  lanes: null,
};

const finish: Extract<Message, { type: 'finish' }> = {
  type: 'finish',
  dataBytes: 0,
  differingBytes: 0,
  differingRangeCount: 0,
  differingRanges: [],
};

const behaviours = {
  'random bytes': () => write(noise(100_000)),
  'random bytes in a frame': answer('open', () => write(frame(noise(5000), 4))),
  'half a header, then the end': () => write(Buffer.from([0xba, 0x57, 2]), () => process.exit(0)),
  'half a header, then silence': () => write(Buffer.from([0xba, 0x57, 2])),
  'a huge length': () =>
    write(Buffer.from([0xba, 0x57, 8, 0xf7, 0xff, 0xff, 0xff, 0xff, ...Buffer.alloc(12)])),
  'an unknown type': () => write(frame(Buffer.alloc(0), 99)),
  'the end at once': () => process.exit(0),
  'endless pings': () => {
    // It does not read, so everything that is sent to it accumulates.
    process.stdin.pause();
    process.stderr.write('the flood begins\n');
    flood(encoded({ type: 'ping' }));
  },
  'data past the end': answer('begin', () => {
    const extents = [{ offsetBytes: sizeBytes - 1, lengthBytes: 2 }];
    say({ type: 'data', extents, encoding: 'none', digest: new Uint8Array(16), payload: Buffer.from('!!') });
  }),
  'more than was announced': answer('begin', () => {
    const extents = [{ offsetBytes: 0, lengthBytes: 4096 }];
    const digest = zeroFrameDigest(extents);
    say({ type: 'data', extents, encoding: 'zero', digest, payload: Buffer.alloc(0) });
    say({ ...finish, dataBytes: 4095 });
  }),
  'less than was announced': answer('begin', () => say({ ...finish, dataBytes: 1 })),
  'no answer to pings': answer('open', () => {
    say(opened);
    isMute = true;
    setInterval(() => say({ type: 'ping' }), 200);
  }),
  'no confirmation of data': answer('begin', () => {
    written = () => undefined;
  }),
  'confirmation of too little payload': answer('begin', () => {
    written = (writtenBytes, payloadBytes) =>
      say({ type: 'written', writtenBytes, payloadBytes: payloadBytes - 1 });
  }),
  'no answer to the end': answer('finish', () => undefined),
  'a payload that does not decompress': answer('begin', () => {
    const extents = [{ offsetBytes: 0, lengthBytes: 4096 }];
    say({ type: 'data', extents, encoding: 'zlib', digest: new Uint8Array(16), payload: noise(100) });
  }),
  'a bomb': answer('begin', () => {
    const extents = [{ offsetBytes: 0, lengthBytes: Math.min(sizeBytes, bounds.dataFrameBytes) }];
    say({
      type: 'data',
      extents,
      encoding: 'zlib',
      digest: new Uint8Array(16),
      payload: deflateSync(Buffer.alloc(64 * 1024 * 1024)),
    });
  }),
  'finished before anything was sent': answer('begin', () =>
    say({ type: 'finished', writtenBytes: sizeBytes }),
  ),
  'finished with too few bytes': answer('finish', () => say({ type: 'finished', writtenBytes: 1 })),
  'more written than was sent': answer('begin', () =>
    say({ type: 'written', writtenBytes: 2 ** 40, payloadBytes: 0 }),
  ),
  'terminal escapes': () =>
    say({
      type: 'failure',
      code: 'device',
      message: 'cannot \u001b]0;owned\u0007 read \u001b[2J\r\n\u009b31m\u202ethe disk\u2028.',
    }),
  'terminal escapes in a warning': answer('open', () => {
    say({ ...opened, warnings: ['\u001b[31mred\u001b[0m\nnew line'] });
    say({ type: 'failure', code: 'device', message: 'that is all.' });
  }),
} satisfies Record<string, () => void>;

/** The action for a message of this type. An `open` and pings are answered normally. */
function answer(type: Message['type'], act: () => void): () => void {
  return () => {
    listener = (message) => {
      if (message.type === 'open' && type !== 'open') say(opened);
      if (message.type === 'ping' && !isMute) say({ type: 'pong' });
      if (message.type === type) act();
      // A target that accepts everything, for behaviours that lie only at the end.
      if (message.type === 'data') {
        written(lengthOf(message), message.payload.byteLength);
      }
    };
  };
}

let isMute = false;
let written = (writtenBytes: number, payloadBytes: number): void =>
  say({ type: 'written', writtenBytes, payloadBytes });

let listener: (message: Message) => void = () => undefined;

function lengthOf({ extents }: Extract<Message, { type: 'data' }>): number {
  return extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}

function say(message: Message): void {
  write(encoded(message));
}

function encoded(message: Message): Buffer {
  return Buffer.concat(encodeMessage(message));
}

function frame(payload: Buffer, type: number): Buffer {
  return Buffer.concat([encodeFrameHeader(type, [payload]), payload]);
}

function noise(lengthBytes: number): Buffer {
  return createHash('shake128', { outputLength: lengthBytes }).update('noise').digest();
}

function flood(bytes: Buffer): void {
  const block = Buffer.concat(Array.from({ length: 8192 }, () => bytes));
  const again = (): void => {
    process.stdout.write(block, (error) => (error ? process.exit(1) : setImmediate(again)));
  };
  again();
}

function write(bytes: Buffer, done?: () => void): void {
  process.stdout.write(bytes, done);
}

const decoder = new FrameDecoder();
let head = Buffer.alloc(0);
let programBytes: number | undefined;

function take(bytes: Buffer): void {
  if (programBytes === undefined) {
    head = Buffer.concat([head, bytes]);
    if (head.byteLength < 8) return;
    programBytes = Number(head.toString('latin1', 0, 8));
    if (head.byteLength - 8 < programBytes) return;
  } else if (head.byteLength - 8 < programBytes) {
    head = Buffer.concat([head, bytes]);
    if (head.byteLength - 8 < programBytes) return;
  } else {
    for (const each of decoder.push(bytes)) listener(decodeMessage(each));
    return;
  }
  behaviours[process.argv[2] as Behaviour]();
  const rest = head.subarray(8 + programBytes);
  head = head.subarray(0, 8 + programBytes);
  if (rest.byteLength > 0) take(rest);
}

process.stdout.on('error', () => process.exit(1));
process.stdin.on('end', () => process.exit(0));
process.stdout.write('BASYN 1 20.0.0\n');
process.stdin.on('data', take);
