import { expect } from 'vitest';
import type { Library } from '../../src/cli/environment.ts';
import type { TextStream } from '../../src/cli/outlet.ts';
import { BasynError } from '../../src/errors.ts';
import type { DeviceReport, PhaseReport, RunReport } from '../../src/report.ts';

export const GiB = 2 ** 30;
export const MiB = 2 ** 20;

/** A stream that keeps what is written to it. */
export class FakeStream implements TextStream {
  text = '';
  readonly isTTY: boolean;
  columns: number;
  #isPaused = false;
  #resume = (): void => undefined;
  #failure: NodeJS.ErrnoException | undefined;
  readonly #errorListeners: ((error: NodeJS.ErrnoException) => void)[] = [];

  constructor({ isTTY = false, columns = 80 } = {}) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  /** Makes every further write fail as on a real stream: later, and by an event. */
  failWith(code: string): void {
    this.#failure = Object.assign(new Error(`write ${code}`), { code });
  }

  write(text: string, done: () => void): void {
    const failure = this.#failure;
    if (failure !== undefined) {
      setImmediate(() => {
        if (this.#errorListeners.length === 0) throw failure;
        this.#errorListeners.forEach((listener) => listener(failure));
        done();
      });
      return;
    }
    if (this.#isPaused) {
      this.#resume = () => this.write(text, done);
      return;
    }
    this.text += text;
    done();
  }

  /** Makes its reader stop reading. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Makes its reader read everything again. */
  resume(): void {
    this.#isPaused = false;
    this.#resume();
  }

  on(_event: 'error', listener: (error: NodeJS.ErrnoException) => void): void {
    this.#errorListeners.push(listener);
  }

  get lines(): string[] {
    return this.text === '' ? [] : this.text.replace(/\n$/, '').split('\n');
  }
}

export const source: DeviceReport = {
  side: 'local',
  path: '/dev/sda1',
  kind: 'block device',
  sizeBytes: 4 * GiB,
};
export const target: DeviceReport = {
  side: 'remote',
  path: '/images/sda1',
  kind: 'regular file',
  sizeBytes: 5 * GiB,
};

export const syncPhase: PhaseReport = {
  phase: 'sync',
  sizeBytes: 4 * GiB,
  differingBytes: 12_288,
  differingRanges: [
    { offsetBytes: 0, lengthBytes: 4096 },
    { offsetBytes: MiB, lengthBytes: 8192 },
  ],
  differingRangeCount: 2,
  writtenBytes: 12_288,
  releasedBytes: 0,
  sourceHoleBytes: 0,
  targetHoleBytes: 0,
  sourceReads: 'cached',
  targetReads: 'direct',
  elapsedMs: 8000,
};

export const copyPhase: PhaseReport = {
  phase: 'copy',
  sizeBytes: 4 * GiB,
  differingBytes: 4 * GiB,
  differingRanges: [],
  differingRangeCount: 1,
  writtenBytes: 4 * GiB,
  releasedBytes: 0,
  sourceHoleBytes: 0,
  targetHoleBytes: 0,
  sourceReads: 'cached',
  targetReads: 'none',
  elapsedMs: 16_000,
};

export const recheckPhase: PhaseReport = {
  phase: 'recheck',
  sizeBytes: 4 * GiB,
  differingBytes: 0,
  differingRanges: [],
  differingRangeCount: 0,
  writtenBytes: 0,
  releasedBytes: 0,
  sourceHoleBytes: 0,
  targetHoleBytes: 0,
  sourceReads: 'direct',
  targetReads: 'direct',
  elapsedMs: 4000,
};

export const report: RunReport = {
  source,
  target,
  phases: [syncPhase],
  traffic: { receivedBytes: 1000, transmittedBytes: 20_000 },
  elapsedMs: 8000,
  dryRun: false,
  sizesMatch: true,
  matches: true,
};

export const differingReport: RunReport = {
  ...report,
  phases: [
    {
      ...recheckPhase,
      differingBytes: 12_288,
      differingRanges: syncPhase.differingRanges,
      differingRangeCount: 5,
    },
  ],
  matches: false,
};

const uncalled = async (): Promise<never> => expect.fail('this function of the library must not be called');

/** A library in which only the given functions may be called. */
export function libraryWith(functions: Partial<Library>): Library {
  return {
    sync: uncalled,
    recheck: uncalled,
    record: uncalled,
    inspect: uncalled,
    runJobs: uncalled,
    ...functions,
  };
}

/** The message of the `usage` error that `act` throws. */
export function usageMessage(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof BasynError && thrown.code === 'usage') return thrown.message;
    throw thrown;
  }
  return expect.fail('it was accepted');
}
