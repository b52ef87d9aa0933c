import { PassThrough, Writable } from 'node:stream';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { BasynError } from '../../../src/errors.ts';
import { bannerWord } from '../../../src/protocol/banner.ts';
import type { RemoteCommand } from '../../../src/transport/loader/loader.ts';
import { Upload, type UploadProgress } from '../../../src/transport/loader/upload.ts';
import { loadRuntime, type Runtime } from '../../../src/transport/runtime/runtime.ts';
import { writeLauncher } from '../../support/launcher.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** What reads the files of an upload, as the script of a host does. */
class Host {
  readonly stdout = new PassThrough();
  readonly stdin: Writable;
  readonly received: Buffer[] = [];
  /** Bytes beyond a unit that arrived before its answer. */
  earlyBytes = 0;
  #seen = Buffer.alloc(0);
  #isAnswering = false;

  /** @param take resolves when the next bytes may follow. @param answer resolves when a unit is confirmed. */
  constructor(take: () => Promise<unknown>, answer: () => Promise<unknown>) {
    this.stdin = new Writable({
      highWaterMark: 1,
      write: (bytes: Buffer, _encoding, done) => {
        if (this.#isAnswering) this.earlyBytes += bytes.byteLength;
        this.#seen = Buffer.concat([this.#seen, bytes]);
        void this.#confirm(answer);
        void take().then(() => done());
      },
    });
  }

  get command(): RemoteCommand {
    const { stdin, stdout } = this;
    const exit = new Promise<never>(() => undefined);
    return {
      stdin,
      stdout,
      exit,
      errorLines: [],
      forgetErrorLines: () => undefined,
      bytesPerSecond: undefined,
    };
  }

  async #confirm(answer: () => Promise<unknown>): Promise<void> {
    const end = this.#seen.indexOf(10);
    const [, length] = /^\S+ (\d+)$/.exec(this.#seen.toString('latin1', 0, Math.max(0, end))) ?? [];
    if (length === undefined || this.#seen.byteLength < end + 1 + Number(length)) return;
    this.received.push(this.#seen.subarray(end + 1));
    this.#seen = Buffer.alloc(0);
    this.#isAnswering = true;
    await answer();
    this.#isAnswering = false;
    this.stdout.write(`${bannerWord} 1 has\n`);
  }
}

async function runtime(): Promise<Runtime> {
  const path = join(scratchDirectory(), 'launcher');
  writeLauncher(path, { program: '/bin/true', paddingBytes: 3_000_000 });
  return loadRuntime({ kind: 'file', path });
}

test('waits for progress, and not for the end', async () => {
  const host = new Host(
    () => sleep(10),
    () => sleep(100),
  );
  const progress: UploadProgress[] = [];
  const upload = new Upload(host.command, await runtime(), 300, (each) => progress.push(each));
  await upload.perform();
  const { doneBytes, sizeBytes, elapsedMs } = upload.progress;
  expect(elapsedMs).toBeGreaterThan(600);
  expect(doneBytes).toBe(sizeBytes);
  expect(gunzipSync(Buffer.concat(host.received)).byteLength).toBe(sizeBytes);
  expect(progress.length).toBeGreaterThan(2);
  expect(progress.at(-1)).toMatchObject({ doneBytes: sizeBytes });
});

test('sends nothing beyond a unit before the host has answered', async () => {
  const host = new Host(
    () => Promise.resolve(),
    () => sleep(50),
  );
  await new Upload(host.command, await runtime(), 10_000, () => undefined).perform();
  expect(host.received.length).toBeGreaterThan(1);
  expect(host.earlyBytes).toBe(0);
});

test.each([
  ['takes nothing', () => new Promise(() => undefined), () => Promise.resolve()],
  ['does not answer', () => Promise.resolve(), () => new Promise(() => undefined)],
])('ends after the timeout if the host %s', async (_what, take, answer) => {
  const upload = new Upload(new Host(take, answer).command, await runtime(), 200, () => undefined);
  const error = BasynError.from(await upload.perform().catch((thrown: unknown) => thrown));
  expect(error).toMatchObject({ code: 'connection', remedy: 'longer-timeout', retryable: true });
  expect(error.message).toMatch(
    /^there is no node, and sending launcher stopped after 0 of \d+ bytes, because /,
  );
});
