import { closeSync, copyFileSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TransformCallback } from 'node:stream';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Order } from '../../src/session/order.ts';
import type { RunEvent, RunReport } from '../../src/report.ts';
import { Recorder, type RecorderOptions } from '../../src/state-file/recorder.ts';
import { makeRandom } from '../../rig/images/random.ts';
import { makeTemporaryDirectory, memoryDirectory } from '../../rig/temporary.ts';
import { MemoryWire } from '../../src/link/memory-wire.ts';
import { propertyCases } from '../support/lab-cases.ts';
import { plainOrder, runInMemory, type MemorySessionOptions } from '../support/memory-session.ts';

const KiB = 1024;
const bufferBytes = 64 * KiB;
const directory = makeTemporaryDirectory('recorded');
/** Nothing proves that nobody else has written to a device in memory. A state file may be there. */
const stateDirectory = makeTemporaryDirectory('recorded', memoryDirectory);
afterAll(() => {
  directory.remove();
  stateDirectory.remove();
});

const roles = ['source', 'target'] as const;
let pairCount = 0;

/** A source, a target and a state file, over several runs. */
class Nights {
  readonly statePath: string;
  readonly sourcePath: string;
  readonly targetPath: string;
  readonly localRole: Order['localRole'];

  constructor(localRole: Order['localRole'], source: Uint8Array, target: Uint8Array) {
    const number = ++pairCount;
    this.sourcePath = join(directory.path, `${number}-source`);
    this.targetPath = join(directory.path, `${number}-target`);
    this.statePath = join(stateDirectory.path, `${number}-state`);
    this.localRole = localRole;
    writeFileSync(this.sourcePath, source);
    writeFileSync(this.targetPath, target);
  }

  async run(
    fields: Partial<Order> = {},
    recording: Partial<RecorderOptions> = {},
    session: MemorySessionOptions = {},
  ): Promise<{ report: RunReport; warnings: string[]; pairId: string | undefined }> {
    const isPush = this.localRole === 'source';
    const warnings: string[] = [];
    const recorder = await Recorder.open({
      path: this.statePath,
      target: { host: '', path: this.targetPath },
      access: fields.dryRun === true ? 'read' : 'update',
      contents: fields.phases?.[0] === 'copy' ? 'rebuild' : 'use',
      trust: 'proved',
      scrubPercent: 0,
      ...recording,
    });
    try {
      const order: Order = {
        ...plainOrder,
        bufferBytes,
        localRole: this.localRole,
        localPath: isPush ? this.sourcePath : this.targetPath,
        remotePath: isPush ? this.targetPath : this.sourcePath,
        ...fields,
      };
      const onEvent = (event: RunEvent): void => {
        if (event.type === 'warning') warnings.push(event.message);
      };
      const report = await runInMemory(order, { onEvent, recorder, ...session });
      return { report, warnings, pairId: recorder.pairId };
    } finally {
      recorder.close();
    }
  }

  get isEqual(): boolean {
    const source = readFileSync(this.sourcePath);
    return readFileSync(this.targetPath).subarray(0, source.byteLength).equals(source);
  }

  /** Changes some bytes as a program does that knows nothing of the run. */
  overwrite(path: string, offsetBytes: number, text: string): void {
    const fd = openSync(path, 'r+');
    writeSync(fd, text, offsetBytes);
    closeSync(fd);
    // The marks of the file are read 50 ms after the last write of a run, so this write has another time.
  }
}

/** A link that is cut after some bytes. */
class BreakingWire extends MemoryWire {
  #leftBytes: number;

  constructor(leftBytes: number) {
    super();
    this.#leftBytes = leftBytes;
  }

  override _transform(bytes: Buffer, encoding: string, done: TransformCallback): void {
    this.#leftBytes -= bytes.byteLength;
    if (this.#leftBytes < 0) this.destroy();
    else super._transform(bytes, encoding, done);
  }
}

function bytesOf(seed: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  makeRandom(seed).fill(bytes);
  return bytes;
}

const bufferCount = 20;
const sizeBytes = bufferCount * bufferBytes - 100;

describe.each(roles)('with a state file, a run whose local side is the %s', (localRole) => {
  function equalPair(): Nights {
    return new Nights(localRole, bytesOf(1, sizeBytes), bytesOf(1, sizeBytes));
  }

  test('compares everything in the first run, and knows all of the target in the second one', async () => {
    const nights = equalPair();
    const first = await nights.run();
    expect(first.report.stateFile).toMatchObject({ knownBuffers: 0, reason: 'it does not exist yet' });
    const second = await nights.run();
    expect(second.report.stateFile).toEqual({ path: nights.statePath, knownBuffers: 20, bufferCount: 20 });
    expect(second.warnings).toEqual([]);
    expect(first.report.phases[0]).toMatchObject({ sourceReadBytes: sizeBytes, targetReadBytes: sizeBytes });
    expect(second.report.phases[0]).toMatchObject({ sourceReadBytes: sizeBytes, targetReadBytes: 0 });
  });

  test('sends what has changed, and knows the target afterwards', async () => {
    const nights = equalPair();
    await nights.run();
    nights.overwrite(nights.sourcePath, 3 * bufferBytes + 10, 'changed');
    const second = await nights.run();
    expect(second.report.phases[0]).toMatchObject({
      differingBytes: 4 * KiB,
      writtenBytes: 4 * KiB,
      // The buffer as one block, and its chunks.
      targetReadBytes: 2 * bufferBytes,
    });
    expect(nights.isEqual).toBe(true);
    const third = await nights.run();
    expect(third.report.stateFile).toMatchObject({ knownBuffers: 20 });
    expect(third.report.phases[0]).toMatchObject({ differingBytes: 0 });
  });

  test('does not use the file if something else has written to the target', async () => {
    const nights = equalPair();
    await nights.run();
    nights.overwrite(nights.targetPath, 5 * bufferBytes, 'damaged');
    const { report, warnings } = await nights.run();
    expect(warnings).toEqual([
      `State file ${nights.statePath} is not used, because something else has written to the target since the last run. ` +
        'Everything is compared.',
    ]);
    expect(report.stateFile).toMatchObject({ knownBuffers: 0 });
    expect(nights.isEqual).toBe(true);
  });

  test('uses the file of a modified target only if the user vouches for it', async () => {
    const nights = equalPair();
    await nights.run();
    const bytes = readFileSync(nights.targetPath);
    const fd = openSync(nights.targetPath, 'r+');
    writeSync(fd, bytes, 0, 10, 0);
    closeSync(fd);
    const { report, warnings } = await nights.run({}, { trust: 'given' });
    expect(report.stateFile).toMatchObject({ knownBuffers: 20 });
    expect(warnings).toEqual([
      `State file ${nights.statePath} is trusted as requested, although something else has written to the target since the last run.`,
    ]);
  });

  test('finds out that the file is wrong where a buffer differs, and compares everything', async () => {
    const nights = equalPair();
    await nights.run();
    nights.overwrite(nights.targetPath, 5 * bufferBytes, 'damaged here');
    nights.overwrite(nights.targetPath, 9 * bufferBytes, 'and here');
    nights.overwrite(nights.sourcePath, 9 * bufferBytes + 5000, 'changed');
    const { report, warnings } = await nights.run({}, { trust: 'given' });
    expect(warnings).toContain(
      `State file ${nights.statePath} is wrong: 1 buffers of the target are not what it says. Everything is compared.`,
    );
    expect(report.phases.map(({ phase }) => phase)).toEqual(['sync', 'sync']);
    expect(nights.isEqual).toBe(true);
    const next = await nights.run();
    expect(next.report.stateFile).toMatchObject({ knownBuffers: 20 });
  });

  test('finds a modified buffer within as many runs as the scrub needs', async () => {
    const nights = equalPair();
    await nights.run();
    nights.overwrite(nights.targetPath, 18 * bufferBytes, 'damaged');
    const found: number[] = [];
    for (let count = 1; count <= 5; count++) {
      const { warnings } = await nights.run({}, { trust: 'given', scrubPercent: 20 });
      if (warnings.some((warning) => warning.includes('is wrong'))) found.push(count);
    }
    expect(found).toEqual([5]);
    expect(nights.isEqual).toBe(true);
  });

  test('verifies the file in a recheck', async () => {
    const nights = equalPair();
    await nights.run();
    const recheck = { phases: ['recheck'] } as const;
    await nights.run(recheck, { access: 'read' });
    nights.overwrite(nights.targetPath, 18 * bufferBytes, 'damaged');
    nights.overwrite(nights.sourcePath, 18 * bufferBytes, 'damaged');
    await expect(nights.run(recheck, { access: 'read', trust: 'given' })).rejects.toMatchObject({
      code: 'device',
      message: expect.stringContaining('is wrong: 1 buffers of the target') as string,
    });
  });

  test('does not change the file in a dry run', async () => {
    const nights = equalPair();
    await nights.run({ dryRun: true });
    expect(() => readFileSync(nights.statePath)).toThrow('ENOENT');
    await nights.run();
    const before = readFileSync(nights.statePath);
    nights.overwrite(nights.sourcePath, 3 * bufferBytes, 'changed');
    const { report } = await nights.run({ dryRun: true });
    expect(report.phases[0]).toMatchObject({ differingBytes: 4 * KiB });
    expect(readFileSync(nights.statePath)).toEqual(before);
  });

  test('a copy does not read the target, and makes the file anew', async () => {
    const nights = new Nights(localRole, bytesOf(1, sizeBytes), bytesOf(2, sizeBytes));
    await nights.run({ phases: ['copy'] });
    expect(nights.isEqual).toBe(true);
    const { report } = await nights.run();
    expect(report.stateFile).toMatchObject({ knownBuffers: 20 });
    expect(report.phases[0]).toMatchObject({ differingBytes: 0 });
  });

  test('compares the new end in full if the source has grown', async () => {
    const nights = new Nights(localRole, bytesOf(1, sizeBytes), bytesOf(1, sizeBytes + 5 * bufferBytes));
    await nights.run();
    writeFileSync(nights.sourcePath, bytesOf(3, 2 * bufferBytes), { flag: 'a' });
    const { report } = await nights.run();
    expect(report.stateFile).toMatchObject({ knownBuffers: 19, bufferCount: 22 });
    expect(nights.isEqual).toBe(true);
    const next = await nights.run();
    expect(next.report.stateFile).toMatchObject({ knownBuffers: 22, bufferCount: 22 });
  });

  test('does not use an older copy of the file', async () => {
    const nights = equalPair();
    await nights.run();
    copyFileSync(nights.statePath, `${nights.statePath}-old`);
    nights.overwrite(nights.sourcePath, 3 * bufferBytes, 'changed');
    await nights.run();
    rmSync(nights.statePath);
    copyFileSync(`${nights.statePath}-old`, nights.statePath);
    const { report } = await nights.run();
    expect(report.stateFile).toMatchObject({ knownBuffers: 0 });
  });

  test('does not use the file if another file has replaced the target', async () => {
    const nights = equalPair();
    await nights.run();
    const bytes = readFileSync(nights.targetPath);
    rmSync(nights.targetPath);
    writeFileSync(nights.targetPath, bytes);
    const { report } = await nights.run();
    expect(report.stateFile?.reason).toBe(
      'the target was attached again since the last run, or is another device',
    );
  });

  test('does not use the file of another target, which may be a copy, and no longer names its pair', async () => {
    const nights = equalPair();
    const { pairId } = await nights.run();
    expect((await nights.run({}, { contents: 'rebuild' })).pairId).toBe(pairId);
    const other = { host: 'elsewhere', path: nights.targetPath };
    const { report, pairId: otherId } = await nights.run({}, { target: other });
    expect(report.stateFile?.reason).toBe(`it describes another target, ${nights.targetPath}`);
    expect(otherId).not.toBe(pairId);
  });

  test('refuses digests of another kind', async () => {
    const nights = equalPair();
    await nights.run();
    await expect(nights.run({ hash: 'SHA256' })).rejects.toMatchObject({ code: 'refused' });
    await expect(nights.run({ bufferBytes: 2 * bufferBytes })).rejects.toMatchObject({ code: 'refused' });
    const rebuilt = await nights.run({ hash: 'SHA256' }, { contents: 'rebuild' });
    expect(rebuilt.report.stateFile?.reason).toBe('it is made anew, as requested');
    const { report } = await nights.run({ hash: 'SHA256' });
    expect(report.stateFile).toMatchObject({ knownBuffers: 20 });
  });

  test('keeps what was written while the source was modified for the next comparison', async () => {
    const nights = equalPair();
    await nights.run();
    nights.overwrite(nights.sourcePath, 3 * bufferBytes, 'changed');
    let hasWritten = false;
    const onEvent = (event: RunEvent): void => {
      if (event.type !== 'phase-end' || hasWritten) return;
      hasWritten = true;
      nights.overwrite(nights.sourcePath, 7 * bufferBytes, 'changed again');
    };
    await nights.run({}, {}, { onEvent });
    const { report } = await nights.run();
    expect(report.stateFile).toMatchObject({ knownBuffers: 19 });
    expect(nights.isEqual).toBe(true);
  });
});

describe('nights with a state file', () => {
  test(
    'end with equal devices, whatever happens between and during the runs',
    { timeout: 600_000 },
    async () => {
      const event = fc.record({
        kind: fc.constantFrom('source', 'source', 'target', 'cut', 'copy', 'restore', 'recheck', 'scrub'),
        at: fc.nat({ max: sizeBytes - 20 }),
        seed: fc.nat({ max: 1e6 }),
      });
      const history = fc.array(fc.array(event, { maxLength: 3 }), { minLength: 2, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...roles),
          history,
          fc.boolean(),
          async (localRole, list, isSmall) => {
            const nights = new Nights(localRole, bytesOf(1, sizeBytes), bytesOf(1, sizeBytes));
            const fields: Partial<Order> = isSmall ? { bufferBytes: 4 * KiB, chunkBytes: 1 * KiB } : {};
            let kept: Buffer | undefined;
            for (const events of list) {
              let scrubPercent = 0;
              let phases: Order['phases'] = ['sync'];
              for (const { kind, at, seed } of events) {
                if (kind === 'source') nights.overwrite(nights.sourcePath, at, `source ${seed}`);
                if (kind === 'target') nights.overwrite(nights.targetPath, at, `target ${seed}`);
                if (kind === 'scrub') scrubPercent = 10;
                if (kind === 'copy') phases = ['copy'];
                if (kind === 'recheck') phases = [phases[0]!, 'recheck'];
                if (kind === 'restore' && kept !== undefined) writeFileSync(nights.statePath, kept);
                if (kind === 'cut') {
                  const makeWire = (): MemoryWire => new BreakingWire(1000 + (seed % 400_000));
                  await nights
                    .run({ ...fields, phases }, { scrubPercent }, { makeWire })
                    .catch(() => undefined);
                }
              }
              await nights.run({ ...fields, phases }, { scrubPercent });
              expect(nights.isEqual).toBe(true);
              kept = readFileSync(nights.statePath);
            }
          },
        ),
        propertyCases(60),
      );
    },
  );
});
