import { checkLength } from '../device/device.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { copyBatches } from './transfer/copy-batches.ts';
import type { Channel } from '../link/channel.ts';
import type { FinishedMessage } from '../protocol/messages.ts';
import { Comparer } from './compare/comparer.ts';
import { compressionControlOf } from './transfer/compression-control.ts';
import { Findings } from './compare/findings.ts';
import { PeerDigests } from './compare/peer-digests.ts';
import { rangesOf } from './coverage.ts';
import { remarksOf, type Phase, type PhaseOutcome, type PhaseStart, type ProgressListener } from './phase.ts';
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
  #isFinishing = false;
  /** Bytes of a copy that are not sent, because the target has zeros there. */
  #omittedBytes = 0;

  /** Starts reading at once. Nothing is sent before {@link run}. */
  constructor(phase: Phase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#sender = new Sender(phase, channel, this.#tasks, compressionControlOf(phase.plan.compression));
    this.#peerDigests = new PeerDigests(phase, channel);
    if (phase.plan.phase !== 'copy') {
      const moves = phase.plan.phase === 'sync' && !phase.plan.dryRun;
      this.#comparer = new Comparer({
        phase,
        theirs: this.#peerDigests,
        tasks: this.#tasks,
        onDiffering: async (extents) => {
          if (moves) await this.#sender.send(extents);
        },
      });
    }
  }

  /** @throws {BasynError} the first failure before the target has confirmed the phase. */
  async run(start: PhaseStart): Promise<PhaseOutcome> {
    const work = Promise.all([this.#work(start), this.#listen(start.onProgress)]);
    const [findings, finished] = await this.#tasks.race(work);
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
    return {
      counts: { ...findings.differences(), writtenBytes, releasedBytes, sourceHoleBytes, targetHoleBytes },
      notes: [...this.#phase.notes, ...notes],
    };
  }

  async #work(start: PhaseStart): Promise<Findings> {
    const findings = await (this.#comparer === undefined
      ? this.#sendAll(start)
      : this.#comparer.run(start.onProgress));
    await this.#sender.flushed();
    checkLength(this.#phase.device);
    this.#isFinishing = true;
    const dataBytes = this.#sender.acceptedBytes;
    const { differingRanges, ...differences } = findings.differences();
    this.#channel.send({
      type: 'finish',
      dataBytes,
      ...differences,
      differingRanges: [...differingRanges],
      ...remarksOf(this.#phase),
    });
    return findings;
  }

  async #sendAll({ onProgress, omitZeros }: PhaseStart): Promise<Findings> {
    const { plan, coverage, geometry, device } = this.#phase;
    const findings = new Findings();
    const ranges = [...rangesOf(coverage, geometry, Infinity)];
    findings.add(ranges);
    if (plan.dryRun) return findings;
    const limits = { dataBytes: bounds.dataFrameBytes, zeroBytes: bounds.zeroFrameBytes };
    for (const { isHole, extents, lengthBytes } of copyBatches(ranges, device.holes, limits)) {
      if (!isHole) {
        await this.#sender.send(extents);
      } else if (omitZeros) {
        this.#omittedBytes += lengthBytes;
        onProgress(this.#sender.writtenBytes + this.#omittedBytes);
      } else {
        await this.#sender.sendZeros(extents);
      }
    }
    return findings;
  }

  async #listen(onProgress: ProgressListener): Promise<FinishedMessage> {
    for (;;) {
      const message = await this.#channel.next();
      const comparer = this.#comparer;
      if (message.type === 'digests' && comparer !== undefined) {
        this.#peerDigests.receiveDigests(message, (index, digest) => comparer.deliver(index, digest));
      } else if (message.type === 'answer' && comparer !== undefined) {
        this.#peerDigests.receiveAnswer(message);
      } else if (message.type === 'written') {
        this.#sender.written(message);
        if (this.#comparer === undefined) onProgress(this.#sender.writtenBytes + this.#omittedBytes);
      } else if (message.type === 'finished' && this.#isFinishing) {
        return message;
      } else {
        throw unexpected(message);
      }
    }
  }
}
