import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { judge } from './check.ts';
import type { Contender } from './contender.ts';
import { ImagePair, type ImageName } from './images.ts';
import { measure, measureWithMemory, type Peaks, type Run } from './measure.ts';
import type { Network } from './network.ts';
import type { Row, RowResult } from './row.ts';
import { summarize, type Summary } from './summary.ts';
import { findOnPath } from './tools.ts';

export type ImageBytes = Readonly<Record<ImageName, number>>;

export interface RowRunner {
  run(row: Row): Promise<RowResult>;
  /** Removes the images. */
  close(): void;
}

/** Runs rows one after the other. Images are kept as long as the next row needs them. */
export function makeRowRunner(
  sizesBytes: ImageBytes,
  timedRuns: number,
  network: Network | undefined,
  onProgress: (text: string) => void,
): RowRunner {
  const pairs = new Map<ImageName, ImagePair>();

  const provideImages = (names: ReadonlySet<ImageName>): void => {
    for (const [name, pair] of pairs) {
      if (names.has(name)) continue;
      pair.remove();
      pairs.delete(name);
    }
    for (const name of names) {
      if (!pairs.has(name)) pairs.set(name, new ImagePair(name, sizesBytes[name]));
    }
  };

  return {
    async run({ title, contenders, checks, isLong = false }) {
      const present = contenders.filter(
        ({ tool, host, isCold = false }) =>
          findOnPath(tool) !== undefined &&
          (host === undefined || network !== undefined) &&
          (!isCold || process.getuid?.() === 0),
      );
      provideImages(new Set(present.map(({ image }) => image)));
      const turns = present.map((contender) => new Turn(contender, pairs.get(contender.image)!, network));
      // The first round measures memory, which slows it down. A long row has only this round.
      for (let round = 0; round <= (isLong ? 0 : timedRuns); round += 1) {
        for (const turn of turns) {
          onProgress(`${title}: ${turn.contender.name}, ${round === 0 ? 'memory' : `run ${round}`}`);
          await turn.take(round === 0);
        }
      }
      const summaries = new Map(turns.map((turn) => [turn.contender, turn.summary]));
      return {
        title,
        entries: turns.map(({ contender: { name, tool }, command, summary }) => ({
          name,
          tool,
          command,
          summary,
        })),
        verdicts: checks.map((check) => judge(check, summaries)),
      };
    },
    close: () => provideImages(new Set()),
  };
}

/** Writes everything to the disks and drops the page cache of the machine. */
function dropCaches(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** A contender and its runs so far. */
class Turn {
  readonly contender: Contender;
  readonly command: string;
  readonly #pair: ImagePair;
  readonly #network: Network | undefined;
  readonly #runs: Run[] = [];
  #rehearsal: (Run & Peaks) | undefined;
  #changedBytes = 0;

  constructor(contender: Contender, pair: ImagePair, network: Network | undefined) {
    this.contender = contender;
    this.command = contender.command(pair.files);
    this.#pair = pair;
    this.#network = network;
  }

  async take(watchesMemory: boolean): Promise<void> {
    await this.#prepare();
    this.#changedBytes = this.#pair.differingBytes;
    if (this.contender.isCold === true) dropCaches();
    if (watchesMemory) this.#rehearsal = await measureWithMemory(this.command, this.#network);
    else this.#runs.push(await measure(this.command, this.#network));
    if (this.contender.makesEqual) this.#pair.requireEqual(this.command);
  }

  async #prepare(): Promise<void> {
    const { state } = this.contender;
    const record = this.contender.record?.(this.#pair.files);
    if (record === undefined) {
      this.#pair.bring(state);
      return;
    }
    assert(state === 'identical' || state === 'few' || state === 'different');
    this.#pair.bring('identical');
    await measure(record, this.#network);
    this.#pair.bringSource(state);
  }

  get summary(): Summary {
    const rehearsal = this.#rehearsal!;
    return summarize(this.#runs.length > 0 ? this.#runs : [rehearsal], rehearsal, this.#changedBytes);
  }
}
