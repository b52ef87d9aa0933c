import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDirectory } from '../support/scratch.ts';
import { environmentWithSsh } from '../support/ssh-script.ts';

/** Passes its input on, and notes when how much of it has passed. */
const meterProgram = `
const { appendFileSync } = require('node:fs');
const { pipeline, Transform } = require('node:stream');
const note = new Transform({
  transform(bytes, _encoding, done) {
    appendFileSync(process.argv[2], Date.now() + ' ' + bytes.length + '\\n');
    done(null, bytes);
  },
});
pipeline(process.stdin, note, process.stdout, () => undefined);
`;

interface Passage {
  readonly atMs: number;
  readonly bytes: number;
}

/** Measures what passes the pipes to ssh, in both directions together. */
export class PipeMeter {
  /** For the run that is measured. */
  readonly env: { readonly PATH: string };
  readonly #logPath: string;

  constructor() {
    const directory = scratchDirectory();
    this.#logPath = join(directory, 'passed');
    const meterPath = join(directory, 'meter.cjs');
    writeFileSync(this.#logPath, '');
    writeFileSync(meterPath, meterProgram);
    const meter = `'${process.execPath}' '${meterPath}' '${this.#logPath}'`;
    this.env = environmentWithSsh('[ "$1" != -G ] || exec ssh "$@"', `${meter} | ssh "$@" | ${meter}`);
  }

  get totalBytes(): number {
    return sumOf(this.#passages());
  }

  /** The most and the least that passed within any time of this length, once `afterMs` have passed since the first byte. */
  within(durationMs: number, afterMs = 0): { readonly leastBytes: number; readonly mostBytes: number } {
    const passages = this.#passages();
    const firstMs = passages[0]!.atMs + afterMs;
    const lastMs = passages.at(-1)!.atMs - durationMs;
    const sums = passages
      .filter(({ atMs }) => atMs >= firstMs && atMs <= lastMs)
      .map(({ atMs: startMs }) =>
        sumOf(passages.filter(({ atMs }) => atMs >= startMs && atMs < startMs + durationMs)),
      );
    return { leastBytes: Math.min(...sums), mostBytes: Math.max(...sums) };
  }

  #passages(): Passage[] {
    const lines = readFileSync(this.#logPath, 'utf8').trim().split('\n');
    return lines
      .map((line) => line.split(' ').map(Number))
      .map(([atMs, bytes]) => ({ atMs: atMs!, bytes: bytes! }))
      .sort((one, other) => one.atMs - other.atMs);
  }
}

function sumOf(passages: readonly Passage[]): number {
  return passages.reduce((sum, { bytes }) => sum + bytes, 0);
}
