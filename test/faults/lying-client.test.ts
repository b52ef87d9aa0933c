import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Message, OpenMessage } from '../../src/protocol/messages.ts';
import { useBasyn } from '../support/basyn.ts';
import {
  encoded,
  frameOf,
  openSource,
  openTarget,
  programOf,
  receiving,
  talk,
  type Answer,
} from '../support/lying-client.ts';
import { scratchDirectory } from '../support/scratch.ts';

const basyn = useBasyn();
let root = '';
let allowed = '';
let image = '';
let secret = '';

beforeEach(() => {
  root = scratchDirectory();
  [allowed, image, secret] = [
    join(root, 'allowed'),
    join(root, 'allowed/disk.img'),
    join(root, 'secret.img'),
  ];
  mkdirSync(allowed);
  writeFileSync(image, Buffer.alloc(8192, 'ours'));
  writeFileSync(secret, Buffer.alloc(8192, 'secret'));
});

function serve(...options: string[]): string[] {
  return [basyn.executable, 'serve', `--allow=${allowed}`, ...options];
}

function ask(open: OpenMessage, ...options: string[]): Promise<Answer> {
  return talk(serve(...options), [programOf('x'), encoded(open)]);
}

function failureIn({ messages }: Answer): string | undefined {
  const last = messages.findLast(({ type }) => type === 'failure');
  return last?.type === 'failure' ? `${last.code}: ${last.message}` : undefined;
}

function expectUntouched(): void {
  expect(readFileSync(image).equals(Buffer.alloc(8192, 'ours'))).toBe(true);
  expect(readFileSync(secret).equals(Buffer.alloc(8192, 'secret'))).toBe(true);
  expect(readdirSync(root).sort()).toEqual(['allowed', 'secret.img']);
}

describe('a client that asks for what its key does not allow', () => {
  test('gets no file outside, by no name and in no role, and the kernel is not asked for one either', async () => {
    const paths = [secret, `${allowed}/../secret.img`, `/proc/self/root${secret}`, join(root, 'new.img')];
    const trace = join(scratchDirectory(), 'trace');
    const opens = paths.flatMap((path) => [
      { ...openSource, path },
      { ...openTarget, path, receiving: { ...receiving, create: true, grow: true } },
    ]);
    for (const [index, open] of opens.entries()) {
      const strace = ['strace', '-f', '-qq', '-e', 'trace=%file', '-o', `${trace}${index}`];
      const answer = await talk([...strace, ...serve()], [programOf('x'), encoded(open)]);
      expect(failureIn(answer)).toMatch(/^refused: .* is not one of the paths that this key may use\.$/);
      // Nor is any process told of it, except the one that writes the log.
      const calls = readFileSync(`${trace}${index}`, 'utf8').split('\n');
      expect(calls.filter((call) => /secret|new\.img/.test(call) && !call.includes('execve'))).toEqual([]);
      expect(answer.exitCode).toBe(2);
    }
    expectUntouched();
  });

  test('gets no file behind a link', async () => {
    symlinkSync('../secret.img', join(allowed, 'link'));
    symlinkSync('..', join(allowed, 'up'));
    symlinkSync('../new.img', join(allowed, 'new'));
    for (const name of ['link', 'up/secret.img', 'up/new.img', 'new', 'up/nothing/x']) {
      const open = { ...openTarget, path: join(allowed, name), receiving: { ...receiving, create: true } };
      expect(failureIn(await ask(open))).toMatch(/^refused: .* is not one of the paths/);
    }
    expectUntouched();
  });

  test('starts no program and no other role', async () => {
    const force = { ...openTarget, path: image, receiving: { ...receiving, force: true } };
    expect(failureIn(await ask(force))).toMatch(/^refused: .* may not write to a target that is in use/);
    expect(failureIn(await ask({ ...openSource, path: image, snapshot: {} }))).toMatch(
      /^refused: .* may not create a snapshot/,
    );
    expect(failureIn(await ask({ ...openTarget, path: image }, '--read-only'))).toMatch(
      /^refused: .* may only read/,
    );
    expectUntouched();
  });

  test('is reported in the log of the system, on one line', async () => {
    const directory = scratchDirectory();
    const log = join(directory, 'log');
    writeFileSync(
      join(directory, 'logger'),
      `#!/bin/sh\nprintf '%s|' "$@" >${log}.new\nmv ${log}.new ${log}\n`,
    );
    chmodSync(join(directory, 'logger'), 0o755);
    const path = `${secret}\n\u001b[2Jbasyn: all is well`;
    const env = {
      PATH: `${directory}:${process.env.PATH}`,
      SSH_CONNECTION: '192.0.2.7 1 192.0.2.8 22',
      SSH_ORIGINAL_COMMAND: 'x',
    };
    await talk(serve(), [programOf('x'), encoded({ ...openSource, path })], { env });
    await expect.poll(() => existsSync(log)).toBe(true);
    expect(readFileSync(log, 'utf8')).toBe(
      `-t|basyn|-p|auth.warning|--|refused a request from 192.0.2.7: remote source ${secret}??[2Jbasyn: all is well ` +
        'is not one of the paths that this key may use.|',
    );
  });
});

describe('a client that keeps to its path and lies afterwards', () => {
  const begin: Message = {
    type: 'begin',
    phase: 'copy',
    sizeBytes: 8192,
    hash: 'SHA1',
    bufferBytes: 4096,
    chunkBytes: 4096,
    windowBuffers: 4,
    compression: { name: 'none', level: null },
    roundTripMs: null,
    dryRun: false,
  };
  const data: Message = {
    type: 'data',
    encoding: 'none',
    digest: new Uint8Array(16),
    extents: [{ offsetBytes: 0, lengthBytes: 4096 }],
    payload: Buffer.alloc(4096, 'lies'),
  };

  test('opens nothing else: no second path, no lane', async () => {
    const second = encoded({ ...openTarget, path: secret });
    const answer = await talk(serve(), [programOf('x'), encoded({ ...openSource, path: image })], {
      answer: ({ type }) => (type === 'opened' ? [second] : []),
    });
    expect(answer.messages.find(({ type }) => type === 'opened')).toMatchObject({
      sizeBytes: 8192,
      lanes: null,
    });
    expect(failureIn(answer)).toMatch(/^protocol: .*sent "open" where it is not allowed/);
  });

  test('writes nothing to what it has opened for reading', async () => {
    for (const [open, what] of [
      [{ ...openSource, path: image }, /"data" where it is not allowed|sent/],
      [{ ...openTarget, path: image, receiving: null }, /a phase that the open device does not allow/],
    ] as const) {
      const answer = await talk(serve('--read-only'), [programOf('x'), encoded(open)], {
        answer: ({ type }) => (type === 'opened' ? [encoded(begin), encoded(data)] : []),
      });
      expect(failureIn(answer)).toMatch(what);
    }
    expectUntouched();
  });
});

describe('a client that does not speak the protocol', () => {
  test('runs no program that it sends, whatever its bytes are', async () => {
    const proof = join(root, 'proof');
    const code = `require('fs').writeFileSync(${JSON.stringify(proof)}, '')`;
    const packed = execFileSync(process.execPath, [
      '-e',
      `process.stdout.write(require('zlib').brotliCompressSync(${JSON.stringify(`${code}\0${code}`)}))`,
    ]);
    for (const program of [packed, Buffer.from(code), Buffer.alloc(0), Buffer.alloc(300_000, 0xff)]) {
      const answer = await talk(serve(), [programOf(program), encoded({ ...openSource, path: image })], {
        answer: ({ type }) => (type === 'opened' ? [encoded({ type: 'bye' })] : []),
      });
      expect(answer.banner).toMatch(/^BASYN 1 \d+\.\d+\.\d+$/);
      expect(answer).toMatchObject({ exitCode: 0, stderr: '' });
      expect(answer.messages.at(-1)?.type).toBe('closed');
    }
    expect(existsSync(proof)).toBe(false);
  });

  test('is told so before anything is printed to it', async () => {
    for (const start of ['GET / HT', '99999999', '-0000001', '\0\0\0\x05\x01\0\0\0']) {
      expect(await talk(serve(), [Buffer.from(start)])).toMatchObject({
        banner: undefined,
        stderr: 'basyn: This key is for Basyn only, and the client is not Basyn.\n',
        exitCode: 2,
      });
    }
  });

  test('gets one sentence about another version of the protocol', async () => {
    const open = { ...openSource, path: image };
    const answer = await talk(serve(), [
      programOf('x'),
      frameOf('open', JSON.stringify({ ...open, protocol: 3, unheardOf: true })),
    ]);
    expect(failureIn(answer)).toBe(
      'protocol: Basyn on the remote host speaks version 2 of its protocol, and this one version 3: ' +
        'install the same version of Basyn on both hosts.',
    );
    const newer = frameOf('open', JSON.stringify({ ...open, unheardOf: true }));
    const accepted = await talk(serve(), [programOf('x'), newer], {
      answer: ({ type }) => (type === 'opened' ? [encoded({ type: 'bye' })] : []),
    });
    expect(accepted).toMatchObject({ exitCode: 0 });
  });

  test('can not confuse it with malformed or oversized messages', async () => {
    const path = JSON.stringify(secret);
    for (const payload of [
      '{}',
      'null',
      '[]',
      '{"protocol":2',
      `{"protocol":2,"path":${path}}`,
      ' '.repeat(70_000),
    ]) {
      const answer = await talk(serve(), [programOf('x'), frameOf('open', payload)]);
      expect(failureIn(answer)).toMatch(/^protocol: /);
    }
    expectUntouched();
  });
});
