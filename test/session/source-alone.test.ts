import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makeRandom } from '../../rig/images/random.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { unknownMarks } from '../../src/device/device.ts';
import type { RecordReport, RunEvent, RunReport } from '../../src/report.ts';
import { runRecordEnd } from '../../src/session/record-source.ts';
import type { Order } from '../../src/session/order.ts';
import { Recorder, type RecorderOptions } from '../../src/state-file/recorder.ts';
import {
  plainOrder,
  runInMemory,
  withAgentInMemory,
  type MemorySessionOptions,
} from '../support/memory-session.ts';

const bufferBytes = 64 * 1024;
const bufferCount = 20;
const sizeBytes = bufferCount * bufferBytes - 100;
const directory = makeTemporaryDirectory('source-alone');
afterAll(() => directory.remove());

let count = 0;

/** A source, a copy of it that somebody has made, and a state file. */
class Shipment {
  readonly #name = join(directory.path, `${++count}`);
  readonly source = `${this.#name}-source`;
  readonly target = `${this.#name}-target`;
  readonly state = `${this.#name}-state`;

  constructor() {
    const bytes = Buffer.alloc(sizeBytes);
    makeRandom(count).fill(bytes);
    writeFileSync(this.source, bytes);
    copyFileSync(this.source, this.target);
  }

  /** Makes the state file from the source alone. */
  async record(
    recording: Partial<RecorderOptions> = {},
    session: MemorySessionOptions = {},
  ): Promise<RecordReport> {
    const recorder = await this.#open({ target: undefined, ...recording });
    try {
      const order: Order = {
        ...plainOrder,
        bufferBytes,
        localPath: '',
        remotePath: this.source,
        dryRun: true,
      };
      return await withAgentInMemory(order, { ...session, recorder }, async (end) => {
        const stateFile = await runRecordEnd({ ...end, recorder, sourceSide: 'remote' });
        return () => end.reporter.recordReport(stateFile);
      });
    } finally {
      recorder.close();
    }
  }

  async sync(localRole: Order['localRole'], session: MemorySessionOptions = {}): Promise<Night> {
    const recorder = await this.#open({});
    const warnings: string[] = [];
    const [localPath, remotePath] =
      localRole === 'source' ? [this.source, this.target] : [this.target, this.source];
    const onEvent = (event: RunEvent): void => {
      session.onEvent?.(event);
      if (event.type === 'warning') warnings.push(event.message);
    };
    try {
      const order: Order = { ...plainOrder, bufferBytes, localRole, localPath, remotePath };
      return { report: await runInMemory(order, { ...session, recorder, onEvent }), warnings };
    } finally {
      recorder.close();
    }
  }

  get isEqual(): boolean {
    return readFileSync(this.source).equals(readFileSync(this.target));
  }

  #open(options: Partial<RecorderOptions>): Promise<Recorder> {
    return Recorder.open({
      path: this.state,
      target: { host: '', path: this.target },
      access: 'update',
      contents: 'use',
      trust: 'proved',
      scrubPercent: 0,
      ...options,
    });
  }
}

interface Night {
  readonly report: RunReport;
  readonly warnings: readonly string[];
}

function overwrite(path: string, offsetBytes: number): void {
  const bytes = readFileSync(path);
  bytes.write('changed', offsetBytes);
  writeFileSync(path, bytes);
}

describe('a state file that is made from the source alone', () => {
  test('has the digests of the whole source, in one pass over it', async () => {
    const shipment = new Shipment();
    const events: RunEvent[] = [];
    const report = await shipment.record({}, { onEvent: (event) => events.push(event) });
    expect(report).toMatchObject({
      source: { side: 'remote', path: shipment.source, sizeBytes },
      phases: [{ phase: 'record', sizeBytes, sourceReadBytes: sizeBytes, targetReads: 'none' }],
      stateFile: { path: shipment.state, knownBuffers: bufferCount, bufferCount },
    });
    expect(
      events.map(({ type }) => type).filter((type) => !['progress', 'note', 'flushing'].includes(type)),
    ).toEqual(['start', 'phase-start', 'phase-end']);
  });

  test('does not read the holes of the source', async () => {
    const shipment = new Shipment();
    truncateSync(shipment.source, 0);
    truncateSync(shipment.source, sizeBytes);
    truncateSync(shipment.target, 0);
    truncateSync(shipment.target, sizeBytes);
    const { phases } = await shipment.record();
    expect(phases[0]).toMatchObject({ sourceHoleBytes: sizeBytes, sourceReadBytes: 0 });
    const { report } = await shipment.sync('source');
    expect(report.phases[0]).toMatchObject({ differingBytes: 0 });
  });

  test.each(['source', 'target'] as const)(
    'is bound to the target by the first run, when its sample was found equal (local %s)',
    async (localRole) => {
      const shipment = new Shipment();
      await shipment.record();
      overwrite(shipment.source, 3 * bufferBytes);
      const first = await shipment.sync(localRole);
      expect(first.warnings).toEqual([]);
      // The device is smaller than the sample.
      expect(first.report.stateFile).toEqual({ path: shipment.state, knownBuffers: 0, bufferCount });
      expect(shipment.isEqual).toBe(true);
      const second = await shipment.sync(localRole);
      expect(second.report.stateFile).toMatchObject({ knownBuffers: bufferCount });
      expect(second.report.phases[0]).toMatchObject({ targetReadBytes: 0 });
    },
  );

  test.each(['source', 'target'] as const)(
    'is discarded if the sample differs, and everything is compared (local %s)',
    async (localRole) => {
      const shipment = new Shipment();
      await shipment.record();
      overwrite(shipment.target, 7 * bufferBytes);
      const { report, warnings } = await shipment.sync(localRole);
      expect(warnings).toEqual([
        `State file ${shipment.state} is wrong: 1 buffers of the target are not what it says. Everything is compared.`,
      ]);
      expect(report.phases.map(({ phase }) => phase)).toEqual(['sync', 'sync']);
      expect(shipment.isEqual).toBe(true);
      const next = await shipment.sync(localRole);
      expect(next.report.stateFile).toMatchObject({ knownBuffers: bufferCount });
    },
  );

  test('is not bound to the target by a run that is interrupted', async () => {
    const shipment = new Shipment();
    await shipment.record();
    overwrite(shipment.source, 0);
    const isInterrupted = shipment.sync('source', {
      onEvent: (event) => {
        if (event.type === 'phase-end') throw new Error('interrupted');
      },
    });
    await expect(isInterrupted).rejects.toThrow('interrupted');
    const { report, warnings } = await shipment.sync('source');
    expect(warnings).toEqual([]);
    expect(report.stateFile).toMatchObject({
      knownBuffers: 0,
      reason: 'the run that made it, or the first one with a target, was interrupted',
    });
    expect(report.phases[0]).toMatchObject({ targetReadBytes: sizeBytes });
  });

  test('is not used if something wrote to the source while it was read', async () => {
    const shipment = new Shipment();
    const onEvent = (event: RunEvent): void => {
      if (event.type === 'phase-end') overwrite(shipment.source, 5 * bufferBytes);
    };
    await expect(shipment.record({}, { onEvent })).rejects.toMatchObject({
      code: 'device',
      side: 'remote',
      message: expect.stringContaining('was written to while it was read') as string,
    });
    const { report } = await shipment.sync('source');
    expect(report.stateFile).toMatchObject({ knownBuffers: 0 });
    expect(shipment.isEqual).toBe(true);
  });

  test('does not replace a file that belongs to a target, unless that is requested', async () => {
    const shipment = new Shipment();
    await shipment.record();
    await shipment.record();
    await shipment.sync('source');
    const before = readFileSync(shipment.state);
    await expect(shipment.record()).rejects.toMatchObject({ code: 'refused', remedy: 'update-bitmap' });
    expect(readFileSync(shipment.state)).toEqual(before);
    await shipment.record({ contents: 'rebuild' });
    const { report } = await shipment.sync('source');
    expect(report.stateFile).toEqual({ path: shipment.state, knownBuffers: 0, bufferCount });
  });
});

test.each([
  { buffers: 512, known: 480 },
  { buffers: 32, known: 0 },
])(
  'the first run with a target compares 64 MiB of it: $known of $buffers buffers of 2 MiB are known',
  async ({ buffers, known }) => {
    const path = join(directory.path, `state-of-${buffers}`);
    const kind = { hash: 'SHA1', bufferBytes: 2 ** 21, blockBytes: 4096 } as const;
    const run = { ...kind, sizeBytes: buffers * kind.bufferBytes, sourceMarks: unknownMarks };
    const common = { path, access: 'update', contents: 'use', trust: 'proved', scrubPercent: 0 } as const;
    const made = await Recorder.open({ ...common, target: undefined });
    await made.begin({ ...run, target: undefined });
    for (let index = 0; index < buffers; index++) made.learn(index, new Uint8Array(20).fill(1));
    await made.end({ source: unknownMarks, target: undefined });
    made.close();
    const used = await Recorder.open({ ...common, target: { host: '', path: '/dev/x' } });
    await used.begin({ ...run, target: { marks: unknownMarks } });
    expect(used.report()).toEqual({ path, bufferCount: buffers, knownBuffers: known });
    used.close();
  },
);
