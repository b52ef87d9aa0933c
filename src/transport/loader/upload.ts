import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../clock.ts';
import { BasynError } from '../../errors.ts';
import { tuning } from '../../limits.ts';
import { endInWords, type ChildExit } from '../child.ts';
import { packedPieces, type PackedPiece } from '../runtime/packing.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { isLinkFailure, reasonIn } from '../stderr-reason.ts';
import { readAnswer } from './banner.ts';
import type { RemoteCommand } from './loader.ts';

/** How far a runtime has been sent. */
export interface UploadProgress {
  /** Bytes of the unpacked files that the host has stored, and of how many. */
  readonly doneBytes: number;
  readonly sizeBytes: number;
  /** Packed bytes that were sent. */
  readonly sentBytes: number;
  readonly elapsedMs: number;
}

/** Sends a runtime to the script of a host, which stores it. */
export class Upload {
  readonly #remote: RemoteCommand;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #onProgress: (progress: UploadProgress) => void;
  readonly #writeBytes: number;
  readonly #startMs = monotonicMs();
  #reportedMs = -Infinity;
  #doneBytes = 0;
  /** Written, and not yet confirmed: only an estimate of what has arrived. */
  #underWayBytes = 0;
  #sentBytes = 0;

  /** @param timeoutMs without progress. */
  constructor(
    remote: RemoteCommand,
    runtime: Runtime,
    timeoutMs: number,
    onProgress: (progress: UploadProgress) => void,
  ) {
    this.#remote = remote;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
    this.#onProgress = onProgress;
    const { writeBytes, limitedWriteMs } = tuning.runtime;
    const limitedBytes = ((remote.bytesPerSecond ?? Infinity) * limitedWriteMs) / 1000;
    this.#writeBytes = Math.max(1, Math.min(writeBytes, Math.floor(limitedBytes)));
  }

  get progress(): UploadProgress {
    const { sizeBytes } = this.#runtime;
    const doneBytes = Math.min(sizeBytes, this.#doneBytes + this.#underWayBytes);
    return { doneBytes, sizeBytes, sentBytes: this.#sentBytes, elapsedMs: monotonicMs() - this.#startMs };
  }

  /**
   * Sends all files. The host confirms each unit: what follows it is sent after its answer, because the `head` of busybox
   * reads more than it was asked for.
   *
   * @throws {BasynError} `connection`, half a sentence.
   */
  async perform(): Promise<void> {
    const { leastUnitPieces, mostUnitPieces, quickUnitMs } = tuning.runtime;
    let unit: PackedPiece[] = [];
    let pieceCount: number = leastUnitPieces;
    for await (const piece of packedPieces(this.#runtime)) {
      const isOtherFile = unit.length > 0 && unit[0]!.name !== piece.name;
      if (isOtherFile || unit.length >= pieceCount) {
        const startMs = monotonicMs();
        await this.#sendUnit(unit);
        const isQuick = monotonicMs() - startMs < quickUnitMs;
        pieceCount = isQuick ? Math.min(mostUnitPieces, pieceCount * 2) : leastUnitPieces;
        unit = [];
      }
      unit.push(piece);
    }
    await this.#sendUnit(unit);
    this.#report();
  }

  async #sendUnit(unit: readonly PackedPiece[]): Promise<void> {
    const lengthBytes = unit.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    await this.#write(Buffer.from(`${unit[0]!.name} ${lengthBytes}\n`));
    for (const piece of unit) {
      for (let at = 0; at < piece.bytes.byteLength; at += this.#writeBytes) {
        const part = piece.bytes.subarray(at, at + this.#writeBytes);
        await this.#write(part);
        this.#sentBytes += part.byteLength;
        this.#underWayBytes += (part.byteLength / piece.bytes.byteLength) * piece.lengthBytes;
        this.#reportNowAndThen();
      }
    }
    await this.#confirmation();
    this.#underWayBytes = 0;
    this.#doneBytes += unit.reduce((sum, piece) => sum + piece.lengthBytes, 0);
  }

  async #write(bytes: Buffer): Promise<void> {
    const { stdin, exit } = this.#remote;
    const written = new Promise<'written' | 'failed'>((resolve) => {
      stdin.write(bytes, (error) => resolve(error ? 'failed' : 'written'));
    });
    const timer = new AbortController();
    const late = sleep(this.#timeoutMs, 'late' as const, { signal: timer.signal }).catch(
      () => 'late' as const,
    );
    const outcome = await Promise.race([written, exit, late]);
    timer.abort();
    if (outcome === 'written') return;
    if (outcome === 'late') throw this.#stopped();
    throw this.#ended(outcome === 'failed' ? await exit : outcome);
  }

  async #confirmation(): Promise<void> {
    const { stdout, exit } = this.#remote;
    let answer: string | undefined;
    try {
      answer = await readAnswer(stdout, this.#timeoutMs, /^(has|lost)$/);
    } catch (thrown) {
      const error = BasynError.from(thrown);
      throw error.retryable === true ? this.#stopped() : error;
    }
    if (answer !== 'has') throw this.#ended(await exit);
  }

  /** Nothing moves any more. */
  #stopped(): BasynError {
    const seconds = Math.round(this.#timeoutMs / 1000);
    return new BasynError(
      'connection',
      `${this.#sentSoFar()}, because the link or the host has taken nothing for ${seconds} seconds`,
      { remedy: 'longer-timeout', retryable: true },
    );
  }

  #ended(exit: ChildExit): BasynError {
    const { errorLines } = this.#remote;
    const reason = reasonIn(errorLines) ?? `ssh ${endInWords(exit)}`;
    const isLink =
      exit.code === statusOfSsh && (reasonIn(errorLines) === undefined || isLinkFailure(errorLines));
    return new BasynError('connection', `${this.#sentSoFar()} (${reason})`, {
      ...(isLink && { retryable: true as const }),
    });
  }

  #sentSoFar(): string {
    const { label, sizeBytes } = this.#runtime;
    return `there is no node, and sending ${label} stopped after ${this.#doneBytes} of ${sizeBytes} bytes`;
  }

  #reportNowAndThen(): void {
    if (monotonicMs() - this.#reportedMs >= tuning.progressIntervalMs) this.#report();
  }

  #report(): void {
    this.#reportedMs = monotonicMs();
    this.#onProgress(this.progress);
  }
}

/** ssh's own status. */
const statusOfSsh = 255;
