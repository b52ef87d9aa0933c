import { readFileSync } from 'node:fs';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { PassThrough, Writable } from 'node:stream';
import { BasynError } from '../../src/errors.ts';
import { Channel } from '../../src/link/channel.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { FrameDecoder } from '../../src/protocol/frame.ts';
import { serveAgentEnd } from '../../src/session/agent-end.ts';
import { LaneOpener } from '../../src/link/lane-opener.ts';
import { runLocalEnd } from '../../src/session/local-end.ts';
import { InlineRunner } from '../../src/workers/inline.ts';
import { perform } from '../../src/workers/perform.ts';
import { lonelyAgent, makeReporter } from '../support/memory-session.ts';
import { makeRandom, type Random } from '../../rig/images/random.ts';
import { memoryDirectory } from '../support/scratch.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';
import { mutate } from './mutate.ts';
import {
  canary,
  Contents,
  pathOf,
  pathsIn,
  recordAll,
  sizeBytes,
  type End,
  type Files,
  type Transcript,
} from './transcript.ts';

const MiB = 1024 * 1024;
/** The time for one corrupted conversation, once its stream has ended or become silent. */
const settleMs = 5000;
/** The memory that all of them together may add to the process. */
const maxGrowthBytes = 512 * MiB;

export interface FuzzOptions {
  readonly seed: number;
  /** Ends it after this number of rounds, or this time. */
  readonly until: { readonly rounds: number } | { readonly milliseconds: number };
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  readonly rounds: number;
  /** The outcomes of the ends under test, with their counts. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly peakGrowthBytes: number;
}

/** A broken promise, and how to reproduce it. */
export class FuzzFailure extends Error {
  constructor(seed: number, round: Round, what: string) {
    const { transcript, end, how } = round;
    super(
      `${what}\n  ${end} end of "${transcript.name}", with ${how.join(', ')}\n` +
        `  again: npm run fuzz -- --round ${seed}`,
    );
  }
}

/** One corrupted conversation, drawn entirely from its own seed. */
interface Round {
  readonly transcript: Transcript;
  readonly end: End;
  readonly said: readonly Buffer[];
  readonly how: readonly string[];
  /** The peer becomes silent at the end instead of closing the connection. */
  readonly staysOpen: boolean;
  /** The peer does not read. */
  readonly isDeaf: boolean;
}

/**
 * Corrupts real conversations and plays them to each end, until the requested limit.
 *
 * @throws {FuzzFailure} for the first promise that is broken.
 */
export async function fuzz({ seed, until, onProgress }: FuzzOptions): Promise<FuzzReport> {
  return inLaboratory(async (laboratory) => {
    const startMs = performance.now();
    const isOver = (): boolean =>
      'rounds' in until ? rounds >= until.rounds : performance.now() - startMs >= until.milliseconds;
    const outcomes = new Map<string, number>();
    let baseBytes = 0;
    let peakGrowthBytes = 0;
    let rounds = 0;
    for (; !isOver(); rounds++) {
      const outcome = await laboratory.round(seed * 1_000_000 + rounds);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      // The first rounds load what is loaded once: hash functions, codecs.
      if (rounds === 50) baseBytes = process.memoryUsage().rss;
      if (rounds <= 50 || rounds % 50 !== 0) continue;
      peakGrowthBytes = Math.max(peakGrowthBytes, process.memoryUsage().rss - baseBytes);
      if (peakGrowthBytes > maxGrowthBytes)
        throw new Error(`the process has grown by ${peakGrowthBytes} bytes`);
      onProgress?.({ rounds, outcomes, peakGrowthBytes });
    }
    return { rounds, outcomes, peakGrowthBytes };
  });
}

/** Repeats one round, by the number that a failure has reported. */
export function fuzzRound(number: number): Promise<string> {
  return inLaboratory((laboratory) => laboratory.round(number));
}

async function inLaboratory<T>(work: (laboratory: Laboratory) => Promise<T>): Promise<T> {
  const directory = makeTemporaryDirectory('fuzz', memoryDirectory);
  const stray: unknown[] = [];
  const catchStray = (error: unknown): void => void stray.push(error);
  process.on('unhandledRejection', catchStray);
  try {
    const contents = new Contents(makeRandom(1));
    const transcripts = await recordAll(directory.path, contents);
    return await work(new Laboratory(directory.path, contents, transcripts, stray));
  } finally {
    process.off('unhandledRejection', catchStray);
    directory.remove();
  }
}

class Laboratory {
  readonly #files: Files;
  readonly #contents: Contents;
  readonly #transcripts: readonly Transcript[];
  readonly #stray: unknown[];

  constructor(directory: string, contents: Contents, transcripts: readonly Transcript[], stray: unknown[]) {
    this.#files = pathsIn(directory);
    this.#contents = contents;
    this.#transcripts = transcripts;
    this.#stray = stray;
  }

  /** @returns how the end under test ended. */
  async round(number: number): Promise<string> {
    const round = this.#draw(makeRandom(number));
    if (!this.#isHarmless(round)) return 'not tried';
    this.#contents.write(this.#files);
    const outcome = await this.#hear(round);
    // An unhandled rejection is reported after the microtasks of a turn.
    await turn();
    const complaint =
      this.#stray.length > 0 ? `nobody caught ${String(this.#stray[0])}` : this.#judge(round, outcome);
    this.#stray.length = 0;
    if (complaint !== undefined) throw new FuzzFailure(number, round, complaint);
    return outcome instanceof BasynError ? outcome.code : String(outcome);
  }

  #draw(random: Random): Round {
    const transcript = this.#transcripts[random.below(this.#transcripts.length)]!;
    const other = this.#transcripts[random.below(this.#transcripts.length)]!;
    const end: End = random.below(2) === 0 ? 'local' : 'agent';
    const heardBy = ({ spoken }: Transcript): Transcript['spoken'] => spoken.filter(({ to }) => to === end);
    const { said, how } = mutate(heardBy(transcript), heardBy(other), random);
    return { transcript, end, said, how, staysOpen: random.below(256) === 0, isDeaf: random.below(16) === 0 };
  }

  /** An agent opens any path that it is given. Here, it may open only the files of the test. */
  #isHarmless({ said }: Round): boolean {
    const decoder = new FrameDecoder();
    try {
      for (const frame of decoder.push(Buffer.concat(said))) {
        const message = decodeMessage(frame);
        if (message.type === 'open' && !Object.values(this.#files).includes(message.path)) return false;
      }
    } catch {
      // Nothing is delivered any more.
    }
    return true;
  }

  /** @returns the error, 'success', or 'hangs'. */
  async #hear(round: Round): Promise<unknown> {
    const channel = new Channel();
    const readable = new PassThrough();
    const heard = { frames: 0 };
    channel.addLane({ readable, writable: round.isDeaf ? deaf() : counting(heard) });
    const ending = this.#startEnd(round, channel).then(
      () => 'success',
      (error: unknown) => error,
    );
    const settled = ending.then(() => true);
    try {
      await say(round, readable, heard, settled);
      if (!round.staysOpen) readable.end();
      return await Promise.race([ending, sleep(settleMs, 'hangs', { ref: false })]);
    } finally {
      channel.destroy();
    }
  }

  async #startEnd({ transcript, end }: Round, channel: Channel): Promise<void> {
    const runner = new InlineRunner(perform);
    try {
      if (end === 'agent') {
        await serveAgentEnd(channel, runner, lonelyAgent);
        return;
      }
      const { order, localRole } = transcript;
      const localPath = pathOf(this.#files, localRole);
      const remotePath = pathOf(this.#files, localRole === 'source' ? 'target' : 'source');
      const reporter = makeReporter(undefined, order);
      const laneOpener = new LaneOpener(channel, 0, () => Promise.reject(new Error('no lanes')));
      channel.watch(order.peerTimeoutMs, () => runner.isBusy);
      try {
        await runLocalEnd({
          order: { ...order, localPath, remotePath },
          channel,
          runner,
          reporter,
          laneOpener,
        });
      } finally {
        reporter.stop();
        laneOpener.stop();
      }
    } finally {
      await runner.close();
    }
  }

  #judge(round: Round, outcome: unknown): string | undefined {
    if (outcome === 'hangs') return `it has not ended ${settleMs} ms after the last byte`;
    if (outcome instanceof Error && !(outcome instanceof BasynError)) return `it threw ${outcome.stack}`;
    if (outcome instanceof BasynError && outcome.code === 'internal')
      return `a bug of ours: ${outcome.stack}`;
    if (!readFileSync(this.#files.source).equals(this.#contents.source)) return 'the source was changed';
    const target = readFileSync(this.#files.target);
    if (target.byteLength !== this.#contents.target.byteLength) return 'the target has another size';
    if (!target.subarray(sizeBytes).equals(canary)) return 'bytes behind the run were written';
    const { order } = round.transcript;
    const writesNothing =
      round.end === 'local' && (order.dryRun || order.phases.every((phase) => phase === 'recheck'));
    if (writesNothing && !target.equals(this.#contents.target))
      return 'a run that writes nothing has written';
    return undefined;
  }
}

/** Sends the prepared frames, in the order of the recorded conversation as long as the end under test follows it. */
async function say(
  { transcript, end, said }: Round,
  readable: PassThrough,
  heard: { readonly frames: number },
  settled: Promise<boolean>,
): Promise<void> {
  const before = framesBefore(transcript, end);
  let isPatient = true;
  for (const [index, bytes] of said.entries()) {
    const expected = before[index] ?? Infinity;
    for (let turns = 0; isPatient && heard.frames < expected; turns++) {
      if (turns === 50) isPatient = false;
      await turn();
    }
    if (readable.destroyed || (await Promise.race([settled, turn(false)]))) return;
    readable.write(bytes);
  }
  await turn();
}

/** For every frame to this end: the number of frames that it had sent before. */
function framesBefore({ spoken }: Transcript, end: End): number[] {
  let sent = 0;
  const counts: number[] = [];
  for (const { to } of spoken) {
    if (to === end) counts.push(sent);
    else sent++;
  }
  return counts;
}

function counting(heard: { frames: number }): Writable {
  const decoder = new FrameDecoder();
  return new Writable({
    write(bytes: Buffer, _encoding, done) {
      heard.frames += [...decoder.push(bytes)].length;
      done();
    },
  });
}

/** Accepts the first bytes, and then no more. */
function deaf(): Writable {
  return new Writable({ write: () => undefined });
}
