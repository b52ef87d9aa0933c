import { checkLength } from '../device/device.ts';
import type { Extent } from '../digest/extent.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { copyBatches } from './transfer/copy-batches.ts';
import type { Channel } from '../link/channel.ts';
import type { FinishedMessage } from '../protocol/messages.ts';
import { Checkpoints } from './checkpoints.ts';
import type { Settled } from './settled.ts';
import { Comparer } from './compare/comparer.ts';
import { compressionControlOf } from './transfer/compression-control.ts';
import { Findings } from './compare/findings.ts';
import { PeerDigests } from './compare/peer-digests.ts';
import { rangesOf } from './coverage.ts';
import { bufferCountOf } from '../digest/geometry.ts';
import {
  examinedBytesOf,
  learnerOf,
  remarksOf,
  startBytesOf,
  type Phase,
  type PhaseOutcome,
  type PhaseStart,
} from './phase.ts';
import { ProgressCount } from './progress-count.ts';
import { readCountsOf } from './read-count.ts';
import { unreadablePartsOf } from './read-errors.ts';
import type { SurveyedBuffer } from './compare/survey.ts';
import { unreadTarget } from './compare/whole-buffers.ts';
import { Sender } from './transfer/sender.ts';
import { TaskGroup } from './task-group.ts';
import { announceChange, forgetUnread } from './contents.ts';
import { unexpected } from './unexpected.ts';

/** What one batch of a copy has at most. */
const batchLimits = { dataBytes: bounds.dataFrameBytes, zeroBytes: bounds.zeroFrameBytes };

/**
 * The role that has the data, in one phase:
 *
 *     target                                source
 *       │ digests (whole buffers) ────────────▶│  compares with its own        ┐
 *       │◀──────────────── ask (finer digests) │  where a buffer differs       │ sync and recheck,
 *       │ answer ─────────────────────────────▶│  … level by level             │ many buffers at once
 *       │◀──────────────────────────── advance │  buffers below n are settled  ┘
 *       │◀─────────────────────────────── data │  what differs, any order      ┐ sync and copy
 *       │ written ────────────────────────────▶│  room for more                ┘
 *       │◀───────────────────────── checkpoint │  buffers below n are settled  ┐ now and then, in a
 *       │ durable ────────────────────────────▶│  a later attempt begins there ┘ run with retries
 *       │◀───────────────────────────── finish │  end of data, with byte counts
 *       │ finished ───────────────────────────▶│  all written and flushed
 *
 * A source reports success only when the target has confirmed exactly the bytes that the source has sent.
 */
export class Source {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #tasks = new TaskGroup();
  readonly #sender: Sender;
  readonly #peerDigests: PeerDigests;
  readonly #comparer: Comparer | undefined;
  readonly #checkpoints: Checkpoints;
  #acceptedEndBytes: number;
  /** Whether what differs is sent. */
  readonly #moves: boolean = false;
  #isFinishing = false;
  #isFlushing = false;

  /** Starts reading at once. Nothing is sent before {@link run}. */
  constructor(phase: Phase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#sender = new Sender(phase, channel, this.#tasks, compressionControlOf(phase.plan.compression));
    this.#peerDigests = new PeerDigests(phase, channel);
    this.#acceptedEndBytes = startBytesOf(phase);
    this.#checkpoints = new Checkpoints(phase, channel, this.#sender, () => this.#settled());
    const isCopy = phase.plan.phase === 'copy';
    // A copy surveys the source only if a state file takes the digests.
    if (!isCopy || (phase.plan.recorded === true && !phase.plan.dryRun)) {
      this.#moves = phase.plan.phase !== 'recheck' && !phase.plan.dryRun;
      this.#comparer = new Comparer({
        phase,
        theirs: isCopy ? unreadTarget : this.#peerDigests,
        tasks: this.#tasks,
        onDiffering: async (extents) => {
          if (!this.#moves) return;
          phase.facts?.('moving', extents);
          await this.#announceAndSend(extents);
          this.#checkpoints.advanced();
        },
        onCompared: (buffer, result) => this.#reportContents(buffer, result),
      });
    }
  }

  /** @throws {BasynError} the first failure before the target has confirmed the phase. */
  async run(start: PhaseStart): Promise<PhaseOutcome> {
    this.#checkpoints.start();
    const count = new ProgressCount(examinedBytesOf(this.#phase), start.onProgress);
    const work = Promise.all([this.#work(start, count), this.#listen(count)]);
    // After a failure, no checkpoint may be announced any more.
    const [findings, finished] = await this.#tasks.race(work).finally(() => this.#checkpoints.stop());
    const { holeBytes: targetHoleBytes = 0, releasedBytes = 0, skippedBytes = 0, notes = [] } = finished;
    const writtenBytes = finished.writtenBytes - releasedBytes - skippedBytes;
    const sentBytes = this.#sender.acceptedBytes;
    if (finished.writtenBytes !== sentBytes || writtenBytes < 0) {
      throw new BasynError(
        'protocol',
        `The target wrote ${finished.writtenBytes} of the ${sentBytes} bytes that it was sent.`,
      );
    }
    const sourceHoleBytes = this.#phase.holeBytes;
    const unreadable = unreadablePartsOf(this.#phase.unreadable);
    return {
      counts: {
        ...findings.differences(),
        writtenBytes,
        releasedBytes,
        sourceHoleBytes,
        targetHoleBytes,
        ...unreadable,
        ...readCountsOf(this.#phase, 'source', finished),
      },
      notes: [...this.#phase.notes, ...notes],
    };
  }

  async #work({ omitZeros }: PhaseStart, count: ProgressCount): Promise<Findings> {
    const onSettled = (settledBytes: number, differingBytes: number): void =>
      count.settled(settledBytes, this.#moves ? differingBytes : 0);
    const findings = await (this.#comparer === undefined
      ? this.#sendAll(omitZeros, count)
      : this.#comparer.run(onSettled));
    await this.#sender.flushed();
    this.#checkpoints.stop();
    checkLength(this.#phase.device);
    this.#isFinishing = true;
    const dataBytes = this.#sender.acceptedBytes;
    const { differingRanges, ...differences } = findings.differences();
    const { unreadableRanges, ...unreadable } = unreadablePartsOf(this.#phase.unreadable);
    const mistakenBuffers = await this.#concludeRecord();
    this.#channel.send({
      type: 'finish',
      dataBytes,
      ...differences,
      ...(mistakenBuffers > 0 && { mistakenBuffers }),
      differingRanges: [...differingRanges],
      ...remarksOf(this.#phase),
      ...unreadable,
      ...(unreadableRanges && { unreadableRanges: [...unreadableRanges] }),
    });
    this.#measureFlush();
    return findings;
  }

  /** What remains when everything is written is the flush of the target. */
  #measureFlush(): void {
    const { plan, times } = this.#phase;
    const isWriting = plan.phase !== 'recheck' && !plan.dryRun;
    if (!isWriting || this.#isFlushing || !this.#isFinishing || !this.#sender.isConfirmed) return;
    this.#isFlushing = true;
    times?.flush.begin(1);
  }

  /**
   * Tells the state file what turned out to be different than it was compared.
   *
   * @returns the number of buffers that were not what the file says, for a peer that keeps the file.
   */
  async #concludeRecord(): Promise<number> {
    const { record, unreadable, geometry } = this.#phase;
    const mistakes = this.#comparer?.mistakes ?? 0;
    if (record === undefined) return mistakes;
    record.countMistakes(mistakes);
    if (unreadable !== undefined) await forgetUnread(learnerOf(this.#phase), unreadable.ranges, geometry);
    return 0;
  }

  /** The state file has to say that a buffer changes before its data can arrive. */
  async #announceAndSend(extents: readonly Extent[]): Promise<void> {
    const { geometry, device, plan, record } = this.#phase;
    if (record !== undefined) await announceChange(record, extents, geometry);
    if (plan.phase !== 'copy') return this.#sender.send(extents);
    for (const { isHole, extents: batch } of copyBatches(extents, device.holes, batchLimits)) {
      await (isHole ? this.#sender.sendZeros(batch) : this.#sender.send(batch));
    }
  }

  /**
   * Passes on what the target will contain, to whoever keeps the state file. Where something could not be read, or nothing
   * is known, a digest of zero bytes says so.
   */
  #reportContents({ index, digest, unreadable }: SurveyedBuffer, result: 'equal' | 'differing'): void {
    const { plan, record } = this.#phase;
    const isKnown = unreadable.length === 0;
    if (record !== undefined) {
      if (isKnown) learnerOf(this.#phase)?.learn(index, digest);
    } else if (plan.recorded === true && this.#moves && (result === 'differing' || !isKnown)) {
      const digests = isKnown ? digest : new Uint8Array(digest.byteLength);
      this.#channel.send({ type: 'digests', firstBuffer: index, digests });
    }
  }

  async #sendAll(omitZeros: boolean, count: ProgressCount): Promise<Findings> {
    const { plan, coverage, geometry, device } = this.#phase;
    const findings = new Findings();
    const ranges = [...rangesOf(coverage, geometry, Infinity)];
    findings.add(ranges);
    if (plan.dryRun) {
      this.#phase.facts?.('differing', ranges);
      return findings;
    }
    // Bytes that are not sent, because the target has zeros there.
    let omittedBytes = 0;
    count.settled(startBytesOf(this.#phase), 0);
    for (const { isHole, extents, lengthBytes, endBytes } of copyBatches(ranges, device.holes, batchLimits)) {
      if (!isHole) {
        await this.#sender.send(extents);
      } else if (omitZeros) {
        omittedBytes += lengthBytes;
        count.settled(startBytesOf(this.#phase) + omittedBytes, 0);
      } else {
        await this.#sender.sendZeros(extents);
      }
      this.#reportAccepted(endBytes);
      this.#checkpoints.advanced();
    }
    return findings;
  }

  /** What a copy covers has no gaps. */
  #reportAccepted(endBytes: number): void {
    const offsetBytes = this.#acceptedEndBytes;
    this.#acceptedEndBytes = endBytes;
    if (endBytes > offsetBytes) {
      this.#phase.facts?.('differing', [{ offsetBytes, lengthBytes: endBytes - offsetBytes }]);
    }
  }

  #settled(): Settled {
    return this.#comparer?.settled() ?? this.#settledCopy();
  }

  /** A copy is settled as far as its ranges have been accepted, in whole buffers. */
  #settledCopy(): Settled {
    const { geometry } = this.#phase;
    const isAll = this.#acceptedEndBytes === geometry.sizeBytes;
    const doneBuffers = isAll
      ? bufferCountOf(geometry)
      : Math.floor(this.#acceptedEndBytes / geometry.bufferBytes);
    const offsetBytes = startBytesOf(this.#phase);
    const endBytes = Math.min(doneBuffers * geometry.bufferBytes, geometry.sizeBytes);
    const findings = new Findings();
    if (endBytes > offsetBytes) findings.add([{ offsetBytes, lengthBytes: endBytes - offsetBytes }]);
    return { doneBuffers, found: findings.found() };
  }

  async #listen(count: ProgressCount): Promise<FinishedMessage> {
    for (;;) {
      const message = await this.#channel.next();
      const comparer = this.#comparer;
      if (message.type === 'digests' && comparer !== undefined) {
        this.#peerDigests.receiveDigests(message, (index, digest) => comparer.deliver(index, digest));
      } else if (message.type === 'answer' && comparer !== undefined) {
        this.#peerDigests.receiveAnswer(message);
      } else if (message.type === 'written') {
        this.#sender.written(message);
        count.written(this.#sender.settledBytes);
        this.#measureFlush();
      } else if (message.type === 'durable') {
        this.#checkpoints.durable(message);
      } else if (message.type === 'finished' && this.#isFinishing) {
        if (this.#isFlushing) this.#phase.times?.flush.end(1);
        return message;
      } else {
        throw unexpected(message);
      }
    }
  }
}
