import { spawn, type ChildProcess } from 'node:child_process';
import { bounds } from '../../src/limits.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { encodeFrameHeader, FrameDecoder } from '../../src/protocol/frame.ts';
import type { Message, OpenMessage } from '../../src/protocol/messages.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';

/** What a client received until the agent ended. */
export interface Answer {
  readonly banner: string | undefined;
  readonly messages: readonly Message[];
  readonly stderr: string;
  readonly exitCode: number | null;
}

const elsewhere = {
  machine: { bootId: 'elsewhere', kernel: '', hardware: '', wallMs: 0, monotonicMs: 0 },
  regions: [],
  gaps: [],
};

/** Allows to write, and to create. */
export const receiving = {
  sourceSizeBytes: 4096,
  sourceIdentity: elsewhere,
  create: false,
  force: false,
  dryRun: false,
} as const;

export const openSource: Omit<OpenMessage, 'path'> = {
  type: 'open',
  protocol: 2,
  role: 'source',
  receiving: null,
  phases: ['copy'],
  lanes: true,
  peerTimeoutMs: 10_000,
};
export const openTarget: Omit<OpenMessage, 'path'> = { ...openSource, role: 'target', receiving };

/** The start of each conversation: a program that would give itself away if it ran. */
export function programOf(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(String(bytes.length).padStart(bounds.agentLengthDigits, '0')), bytes]);
}

export function encoded(message: Message): Buffer {
  return Buffer.concat(encodeMessage(message));
}

/** A frame with any payload. */
export function frameOf(type: Message['type'], payload: string): Buffer {
  const bytes = Buffer.from(payload);
  return Buffer.concat([encodeFrameHeader(typeNumbers[type], [bytes]), bytes]);
}

/**
 * Talks to `basyn serve` as the protocol's documentation describes it, and sends what it likes.
 *
 * @param answer what is sent after a message of the agent.
 */
export async function talk(
  command: readonly string[],
  parts: readonly Uint8Array[],
  {
    answer = () => [],
    env = {},
  }: {
    readonly answer?: (message: Message) => readonly Uint8Array[];
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Answer> {
  const [file = '', ...words] = command;
  const child = spawn(file, words, { stdio: 'pipe', env: { ...process.env, ...env } });
  child.stdin.on('error', () => undefined);
  for (const part of parts) child.stdin.write(part);
  return listen(child, answer);
}

async function listen(
  child: ChildProcess,
  answer: (message: Message) => readonly Uint8Array[],
): Promise<Answer> {
  const decoder = new FrameDecoder();
  const messages: Message[] = [];
  let head = '';
  let banner: string | undefined;
  let stderr = '';
  const take = (bytes: Uint8Array): void => {
    for (const frame of decoder.push(bytes)) {
      const message = decodeMessage(frame);
      messages.push(message);
      for (const part of answer(message)) child.stdin!.write(part);
      if (message.type === 'closed' || message.type === 'failure') child.stdin!.end();
    }
  };
  child.stdout!.on('data', (bytes: Buffer) => {
    if (banner !== undefined) {
      take(bytes);
      return;
    }
    head += bytes.toString('latin1');
    const end = head.indexOf('\n');
    if (end < 0) return;
    banner = head.slice(0, end);
    take(Buffer.from(head.slice(end + 1), 'latin1'));
  });
  child.stderr!.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { banner, messages, stderr, exitCode };
}
