import { checkLength } from '../device/device.ts';
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
import { remarksOf, startBytesOf, type Phase, type PhaseOutcome, type PhaseStart } from './phase.ts';
import { ProgressCount } from './progress-count.ts';
import { unreadablePartsOf } from './read-errors.ts';
import { Sender } from './transfer/sender.ts';
import { TaskGroup } from './task-group.ts';
import { unexpected } from './unexpected.ts';

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

  /** Starts reading at once. Nothing is sent before {@link run}. */
  constructor(phase: Phase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#sender = new Sender(phase, channel, this.#tasks, compressionControlOf(phase.plan.compression));
    this.#peerDigests = new PeerDigests(phase, channel);
    this.#acceptedEndBytes = startBytesOf(phase);
    this.#checkpoints = new Checkpoints(phase, channel, this.#sender, () => this.#settled());
    if (phase.plan.phase !== 'copy') {
      this.#moves = phase.plan.phase === 'sync' && !phase.plan.dryRun;
      this.#comparer = new Comparer({
        phase,
        theirs: this.#peerDigests,
        tasks: this.#tasks,
        onDiffering: async (extents) => {
          if (!this.#moves) return;
          await this.#sender.send(extents);
          this.#checkpoints.advanced();
        },
      });
    }
  }

  /** @throws {BasynError} the first failure before the target has confirmed the phase. */
  async run(start: PhaseStart): Promise<PhaseOutcome> {
    this.#checkpoints.start();
    const count = new ProgressCount(this.#phase.plan.sizeBytes, start.onProgress);
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
    this.#channel.send({
      type: 'finish',
      dataBytes,
      ...differences,
      differingRanges: [...differingRanges],
      ...remarksOf(this.#phase),
      ...unreadable,
      ...(unreadableRanges && { unreadableRanges: [...unreadableRanges] }),
    });
    return findings;
  }

  async #sendAll(omitZeros: boolean, count: ProgressCount): Promise<Findings> {
    const { plan, coverage, geometry, device } = this.#phase;
    const findings = new Findings();
    const ranges = [...rangesOf(coverage, geometry, Infinity)];
    findings.add(ranges);
    if (plan.dryRun) return findings;
    // Bytes that are not sent, because the target has zeros there.
    let omittedBytes = 0;
    count.settled(startBytesOf(this.#phase), 0);
    const limits = { dataBytes: bounds.dataFrameBytes, zeroBytes: bounds.zeroFrameBytes };
    for (const { isHole, extents, lengthBytes, endBytes } of copyBatches(ranges, device.holes, limits)) {
      if (!isHole) {
        await this.#sender.send(extents);
      } else if (omitZeros) {
        omittedBytes += lengthBytes;
        count.settled(startBytesOf(this.#phase) + omittedBytes, 0);
      } else {
        await this.#sender.sendZeros(extents);
      }
      this.#acceptedEndBytes = endBytes;
      this.#checkpoints.advanced();
    }
    return findings;
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
      } else if (message.type === 'durable') {
        this.#checkpoints.durable(message);
      } else if (message.type === 'finished' && this.#isFinishing) {
        return message;
      } else {
        throw unexpected(message);
      }
    }
  }
}
