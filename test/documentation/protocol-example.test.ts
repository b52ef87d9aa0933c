import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseIdentity } from '../../src/device/device.ts';
import { bannerLine } from '../../src/protocol/banner.ts';
import { Channel } from '../../src/link/channel.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { FrameDecoder } from '../../src/protocol/frame.ts';
import type { Message } from '../../src/protocol/messages.ts';
import { serveAgentEnd } from '../../src/session/agent-end.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { frameDigest } from '../support/frame-digest.ts';
import { lonelyAgent, makeReporter, plainOrder } from '../support/memory-session.ts';
import { MemoryWire } from '../../src/link/memory-wire.ts';
import { scratchFile } from '../support/scratch.ts';
import { codeBlocks, readDocument, sectionOf } from './markdown.fixture.ts';

type Side = 'local' | 'agent';

interface Step {
  readonly from: Side;
  readonly name: string;
  readonly bytes: Buffer;
}

const section = sectionOf(readDocument('docs/protocol.md'), 'A whole run in bytes');
const [banner, ...frames] = parseDump(codeBlocks(section, 'text').join('\n'));
const content = Buffer.from('basyn says hello');

describe('the example run in docs/protocol.md', () => {
  it('begins with the banner of a loader', () => {
    expect(banner).toEqual({ from: 'agent', name: 'banner', bytes: Buffer.from(bannerLine('20.20.2')) });
  });

  it('consists of correctly encoded messages', () => {
    expect(frames.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['data', 'written', 'digests', 'bye']),
    );
    for (const { name, bytes } of frames) {
      const message = messageIn(bytes);
      expect(message.type).toBe(name);
      // The fields of an object may stand in any order.
      const isJson = bytes.at(-1) === '}'.charCodeAt(0);
      if (isJson) expect(messageIn(encoded(message))).toEqual(message);
      else expect(hex(encoded(message))).toBe(hex(bytes));
    }
  });

  it('has the digest of its data', () => {
    const message = messageIn(frames.find(({ name }) => name === 'data')!.bytes);
    if (message.type !== 'data') throw new Error('the data frame is none');
    expect(hex(message.digest)).toBe(hex(frameDigest(message.extents, content)));
  });

  it('is what the agent answers to the local side', async () => {
    const path = scratchFile(Buffer.alloc(content.byteLength));
    const peer = new Peer('agent', (message) => (message.type === 'open' ? { ...message, path } : message));
    await Promise.all([serveAgentEnd(peer.channel, new InlineRunner(perform), lonelyAgent), peer.play()]);
    peer.expectAsDocumented('opened', ['kind', 'sizeBytes', 'lanes']);
    expect(readFileSync(path)).toEqual(content);
  });

  it('is what the local side sends to its agent', async () => {
    const peer = new Peer('local');
    const order = {
      ...plainOrder,
      localPath: scratchFile(content),
      remotePath: '/srv/disk.img',
      bufferBytes: 16,
      chunkBytes: 16,
      compression: { name: 'none', level: null },
      peerTimeoutMs: 60_000,
    } as const;
    const laneOpener = new LaneOpener(peer.channel, 0, noLane);
    const runner = new InlineRunner(perform);
    const reporter = makeReporter();
    await Promise.all([
      runLocalEnd({ order, channel: peer.channel, runner, reporter, laneOpener }),
      peer.play(),
    ]);
    reporter.stop();
    peer.expectAsDocumented('open', ['protocol', 'path', 'role', 'phases', 'lanes', 'peerTimeoutMs']);
  });

  it('has identities that a peer accepts', () => {
    for (const { bytes } of frames) {
      const message = messageIn(bytes);
      const identity = message.type === 'opened' ? message.identity : undefined;
      const source = message.type === 'open' ? message.receiving?.sourceIdentity : undefined;
      for (const one of [identity, source]) if (one !== undefined) expect(parseIdentity(one)).toEqual(one);
    }
  });
});

describe('the digest of a buffer of two blocks in docs/protocol.md', () => {
  it('is the hash of the digests of its blocks', () => {
    const [block, buffer] = sectionOf(readDocument('docs/protocol.md'), 'How a device is cut').match(
      /\b[0-9a-f]{40}\b/g,
    )!;
    const ofBlock = createHash('sha1').update(Buffer.alloc(65_536)).digest();
    expect(block).toBe(hex(ofBlock, ''));
    expect(buffer).toBe(hex(createHash('sha1').update(ofBlock).update(ofBlock).digest(), ''));
  });
});

/** One side of the example in its real implementation, in conversation with the documented frames of the peer. */
class Peer {
  readonly channel = new Channel();
  readonly #side: Side;
  readonly #script: readonly Step[];
  readonly #toChannel = new MemoryWire();
  readonly #said: Step[] = [];
  #onSaid: () => void = () => undefined;

  /** @param change is applied to the documented messages. */
  constructor(side: Side, change: (message: Message) => Message = (message) => message) {
    this.#side = side;
    this.#script = frames
      .filter(({ name }) => !isSignOfLife(name))
      .map((step) => ({ ...step, bytes: encoded(withDigest(change(messageIn(step.bytes)))) }));
    const fromChannel = new MemoryWire();
    this.channel.addLane({ readable: this.#toChannel, writable: fromChannel });
    const decoder = new FrameDecoder();
    fromChannel.on('data', (bytes: Buffer) => {
      for (const frame of decoder.push(bytes)) this.#hear(decodeMessage(frame));
    });
    onTestFinished(() => this.channel.destroy());
  }

  /** Sends the documented frames of the peer, each after the real side has sent everything that precedes it. */
  async play(): Promise<void> {
    let expected = 0;
    for (const { from, bytes } of this.#script) {
      if (from === this.#side) expected++;
      else {
        while (this.#said.length < expected) await new Promise<void>((resolve) => (this.#onSaid = resolve));
        this.#toChannel.write(bytes);
      }
    }
  }

  /** @param variable a message of which only these fields are the same on every machine. */
  expectAsDocumented(variable: Message['type'], fields: readonly string[]): void {
    const comparable = ({ name, bytes }: Step): string => {
      // The times that an agent has measured are never the same, and may be missing.
      if (name === 'closed') return `${name} ${JSON.stringify({ ...messageIn(bytes), times: undefined })}`;
      if (name !== variable) return `${name} ${hex(bytes)}`;
      const message: object = messageIn(bytes);
      return `${name} ${JSON.stringify(Object.entries(message).filter(([field]) => fields.includes(field)))}`;
    };
    const documented = this.#script.filter(({ from }) => from === this.#side);
    expect(documented.length).toBeGreaterThan(3);
    expect(this.#said.map(comparable).sort()).toEqual(documented.map(comparable).sort());
  }

  #hear(message: Message): void {
    if (message.type === 'ping') this.#toChannel.write(encoded({ type: 'pong' }));
    if (isSignOfLife(message.type)) return;
    this.#said.push({ from: this.#side, name: message.type, bytes: encoded(message) });
    this.#onSaid();
  }
}

/** Headings "local → agent: open"; rows of hexadecimal bytes, each with a comment; rows of text after "| ". */
function parseDump(dump: string): Step[] {
  return dump
    .trim()
    .split(/\n\n+/)
    .map((block) => {
      const [heading = '', ...rows] = block.split('\n');
      const [, from, name] = /^(local|agent) → (?:local|agent): (\w+)$/.exec(heading) ?? [];
      if (from === undefined) throw new Error(`no heading of a message: ${heading}`);
      return { from: from as Side, name: name!, bytes: Buffer.concat(rows.map(bytesOfRow)) };
    });
}

function bytesOfRow(row: string): Buffer {
  if (row.startsWith('| ')) return Buffer.from(row.slice(2));
  const [, digits] = /^((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2}.*)?$/.exec(row) ?? [];
  if (digits === undefined) throw new Error(`neither bytes nor text: ${row}`);
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

function messageIn(bytes: Buffer): Message {
  const [frame, ...others] = new FrameDecoder().push(bytes);
  if (frame === undefined || others.length > 0) throw new Error('not exactly one frame');
  return decodeMessage(frame);
}

/** The digest has a test of its own. The conversation is also right while the page still has another digest. */
function withDigest(message: Message): Message {
  return message.type === 'data' ? { ...message, digest: frameDigest(message.extents, content) } : message;
}

function encoded(message: Message): Buffer {
  return Buffer.concat(encodeMessage(message));
}

function isSignOfLife(name: string): boolean {
  return ['ping', 'pong', 'working'].includes(name);
}

function hex(bytes: Uint8Array, separator = ' '): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(separator);
}

function noLane(): never {
  throw new Error('the example has one lane');
}
