import { checkLength, flush } from '../device/device.ts';
import type { Extent } from '../digest/extent.ts';
import { blockBytesOf, bufferCountOf, bufferExtentOf, stepCountOf } from '../digest/geometry.ts';
import { assert, BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type {
  AdvanceMessage,
  AskMessage,
  DigestsMessage,
  FinishMessage,
  RangesMessage,
} from '../protocol/messages.ts';
import { askCharge } from './compare/asker.ts';
import { forgetUnread, learnContents } from './contents.ts';
import {
  examinedBytesBelow,
  examinedBytesOf,
  learnerOf,
  remarksOf,
  startBytesOf,
  type Phase,
  type PhaseOutcome,
  type PhaseStart,
  type ProgressListener,
} from './phase.ts';
import { ProgressCount } from './progress-count.ts';
import { readCountsOf } from './read-count.ts';
import { unreadablePartsIn } from './read-errors.ts';
import { Survey, type SurveyedBuffer } from './compare/survey.ts';
import { TargetCheckpoints } from './target-checkpoints.ts';
import { TaskGroup } from './task-group.ts';
import { unexpected } from './unexpected.ts';
import { Writer } from './transfer/writer.ts';

/**
 * The role that receives, in one phase. It streams its digests ahead, answers questions, writes the data that arrives,
 * and sends `finished` when all of it is on the disk. The diagram above {@link Source} shows the whole conversation.
 *
 * The guarantee depends on this order: `finished` follows the flush, and the flush follows the last write. The writes are
 * complete when as many bytes have arrived as `finish` announced, on whichever lane.
 */
export class Target {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #tasks = new TaskGroup();
  readonly #writer: Writer;
  readonly #checkpoints: TargetCheckpoints;
  readonly #survey: Survey | undefined;
  /** Digests of the buffers in the window, kept until the source has settled the buffers. */
  readonly #kept = new Map<number, SurveyedBuffer>();
  /** Of a state file: buffers in the window whose contents the source has reported, because they change. */
  readonly #changing = new Set<number>();
  /** Settles when the state file knows all that the source has reported. */
  #learning: Promise<void> = Promise.resolve();
  #donePosition = 0;
  #askedBytes = 0;
  /** The end of the last range that the source has reported to differ. */
  #reportedEndBytes: number;

  constructor(phase: Phase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#reportedEndBytes = startBytesOf(phase);
    this.#writer = new Writer(phase, channel, this.#tasks);
    this.#checkpoints = new TargetCheckpoints(phase, channel, this.#writer, this.#tasks);
    if (phase.plan.phase !== 'copy') {
      this.#survey = new Survey({
        phase,
        coverage: phase.surveyed,
        windowBuffers: phase.plan.windowBuffers,
        tasks: this.#tasks,
        // A recheck reads everything, and verifies the file.
        record: phase.plan.phase === 'sync' ? phase.record : undefined,
      });
      this.#tasks.spawn(this.#survey.run((batch) => this.#surveyed(batch)));
    }
  }

  /** @throws {BasynError} the first failure that keeps a byte from being written and flushed. */
  async run({ onProgress }: PhaseStart): Promise<PhaseOutcome> {
    try {
      return await this.#tasks.race(this.#work(onProgress));
    } finally {
      this.#checkpoints.stop();
      await this.#writer.close();
    }
  }

  async #work(onProgress: ProgressListener): Promise<PhaseOutcome> {
    const finish = await this.#listen(onProgress);
    await this.#writer.settled();
    await this.#concludeRecord(finish);
    const { settledBytes } = this.#writer;
    assert(settledBytes === finish.dataBytes, `${settledBytes} bytes written of ${finish.dataBytes}`);
    await this.#writer.close();
    await this.#checkpoints.end();
    await this.#phase.cacheRelease?.end();
    checkLength(this.#phase.device);
    // Also where nothing was written: data that was found equal has to be durable as well.
    if (this.#writes) {
      this.#channel.announceFlush();
      this.#phase.times?.flush.begin(1);
      await flush(this.#phase.output);
      this.#phase.times?.flush.end(1);
    }
    if (this.#survey === undefined && !this.#phase.plan.dryRun) onProgress(examinedBytesOf(this.#phase));
    const { writtenBytes, releasedBytes, skippedBytes } = this.#writer.total;
    const { holeBytes, readBytes } = this.#phase;
    const notes = [...this.#phase.notes, ...this.#writer.notes];
    this.#channel.send({
      type: 'finished',
      writtenBytes: settledBytes,
      ...(releasedBytes > 0 && { releasedBytes }),
      ...(skippedBytes > 0 && { skippedBytes }),
      ...remarksOf({ holeBytes, readBytes, notes }),
    });
    const { differingBytes, differingRanges, differingRangeCount } = finish;
    return {
      counts: {
        differingBytes,
        differingRanges,
        differingRangeCount,
        ...unreadablePartsIn(finish),
        writtenBytes,
        releasedBytes,
        sourceHoleBytes: finish.holeBytes ?? 0,
        targetHoleBytes: holeBytes,
        ...readCountsOf(this.#phase, 'target', finish),
      },
      notes: [...(finish.notes ?? []), ...notes],
    };
  }

  async #concludeRecord({ mistakenBuffers = 0, ...finish }: FinishMessage): Promise<void> {
    const { record, geometry } = this.#phase;
    const { unreadableRanges = [], unreadableRangeCount = 0 } = finish;
    record?.countMistakes(mistakenBuffers);
    await this.#learning;
    await forgetUnread(learnerOf(this.#phase), unreadableRanges, geometry);
    if (unreadableRangeCount > unreadableRanges.length) record?.forgetChanges();
  }

  get #writes(): boolean {
    const { phase, dryRun } = this.#phase.plan;
    return phase !== 'recheck' && !dryRun;
  }

  /** Data may arrive after `finish`, on another lane. The phase ends when everything that `finish` announced has arrived. */
  async #listen(onProgress: ProgressListener): Promise<FinishMessage> {
    const { plan } = this.#phase;
    const count = new ProgressCount(examinedBytesOf(this.#phase), onProgress);
    if (this.#survey === undefined) count.settled(startBytesOf(this.#phase), 0);
    // What the peer leaves out is counted when data behind it is written.
    const onWritten = (): void => {
      count.written(plan.omitZeros === true ? this.#writer.furthestBytes : this.#writer.settledBytes);
      this.#checkpoints.advance();
    };
    let finish: FinishMessage | undefined;
    while (finish?.dataBytes !== this.#writer.receivedBytes) {
      if (finish !== undefined && this.#writer.receivedBytes > finish.dataBytes) {
        throw new BasynError('protocol', 'The peer sent more data than it announced.');
      }
      const message = await this.#channel.next();
      if (message.type === 'data') {
        this.#writer.data(message, onWritten);
      } else if (message.type === 'finish' && finish === undefined) {
        finish = message;
        this.#expectAnnounced(message);
      } else if (
        message.type === 'ranges' &&
        finish === undefined &&
        this.#phase.plan.reportRanges === true
      ) {
        this.#report(message);
      } else if (message.type === 'checkpoint' && finish === undefined) {
        this.#checkpoints.take(message);
      } else if (message.type === 'advance' && this.#survey !== undefined) {
        const settledBytes = this.#advance(this.#survey, message.doneBuffers);
        count.settled(settledBytes, this.#differingBytes(message, settledBytes));
      } else if (message.type === 'ask' && this.#survey !== undefined) {
        this.#tasks.spawn(this.#answer(message));
      } else if (message.type === 'digests' && this.#phase.plan.recorded === true) {
        const learning = this.#learn(message);
        this.#tasks.spawn(learning);
        this.#learning = this.#learning.then(() => learning);
      } else {
        throw unexpected(message);
      }
    }
    return finish;
  }

  /** @throws {BasynError} `protocol`, where the source reports what does not follow its last report. */
  #report({ kind, extents }: RangesMessage): void {
    const [first, last] = [extents[0], extents.at(-1)];
    if (first === undefined || last === undefined) return;
    const endBytes = last.offsetBytes + last.lengthBytes;
    const startBytes = kind === 'differing' ? this.#reportedEndBytes : 0;
    if (first.offsetBytes < startBytes || endBytes > this.#phase.plan.sizeBytes) {
      throw new BasynError('protocol', 'The peer reported ranges out of order, or outside the device.');
    }
    if (kind === 'differing') this.#reportedEndBytes = endBytes;
    this.#phase.facts?.(kind, extents);
  }

  /** On a single lane, `finish` is the last message of the phase: data that has not arrived by then will never arrive. */
  #expectAnnounced({ dataBytes }: FinishMessage): void {
    const { receivedBytes } = this.#writer;
    if (!this.#channel.isInOrder || receivedBytes >= dataBytes) return;
    throw new BasynError(
      'protocol',
      `The peer announced ${dataBytes} bytes of data and sent ${receivedBytes}.`,
    );
  }

  #surveyed(batch: readonly SurveyedBuffer[]): void {
    for (const buffer of batch) {
      this.#kept.set(buffer.index, buffer);
      const isRead = buffer.blocks.byteLength > 0;
      if (isRead) this.#phase.record?.verify(buffer.index, buffer.digest);
    }
    for (const run of runsOf(batch)) {
      const digests = Buffer.concat(run.map(({ digest }) => digest));
      this.#channel.send({ type: 'digests', firstBuffer: run[0]!.index, digests });
    }
  }

  /** @returns the examined bytes that are settled. */
  #advance(survey: Survey, doneBuffers: number): number {
    const { geometry, surveyed } = this.#phase;
    const learner = learnerOf(this.#phase);
    const donePosition = surveyed.positionOf(doneBuffers);
    if (donePosition < this.#donePosition || doneBuffers > bufferCountOf(geometry))
      throw neverSent(doneBuffers);
    for (let position = this.#donePosition; position < donePosition; position++) {
      const index = surveyed.indexAt(position);
      const buffer = this.#kept.get(index);
      if (buffer === undefined) throw neverSent(index);
      this.#kept.delete(index);
      if (!this.#changing.delete(index)) learner?.learn(index, buffer.digest);
    }
    this.#donePosition = donePosition;
    survey.advance(donePosition);
    return examinedBytesBelow(this.#phase, doneBuffers);
  }

  /** The source reports what buffers will contain. It does so before it settles them, also where data is still under way. */
  async #learn(message: DigestsMessage): Promise<void> {
    const learner = learnerOf(this.#phase);
    const { geometry, hasher } = this.#phase;
    if (learner === undefined) throw unexpected(message);
    const { firstBuffer, digests } = message;
    const count = digests.byteLength / hasher.digestBytes;
    if (this.#survey !== undefined) {
      for (let index = firstBuffer; index < firstBuffer + count; index++) this.#changing.add(index);
    }
    await learnContents(learner, message, hasher.digestBytes, geometry);
  }

  /** @throws {BasynError} `protocol`, where more differs than was compared. */
  #differingBytes({ differingBytes = 0 }: AdvanceMessage, settledBytes: number): number {
    if (differingBytes <= settledBytes) return this.#phase.plan.dryRun ? 0 : differingBytes;
    throw new BasynError('protocol', `The peer found ${differingBytes} of ${settledBytes} bytes to differ.`);
  }

  async #answer({ id, extents, stepBytes }: AskMessage): Promise<void> {
    const { device, plan, runner, geometry } = this.#phase;
    const charge = this.#chargeOf(extents, stepBytes);
    this.#phase.times?.exchange.begin(1);
    this.#askedBytes += charge;
    const kept = stepBytes === blockBytesOf(geometry) ? this.#keptDigests(extents) : undefined;
    const job = { kind: 'digest', device, hash: plan.hash, extents, stepBytes } as const;
    const digests = kept ?? (await runner.run(job, 'now')).digests;
    this.#askedBytes -= charge;
    this.#phase.times?.exchange.end(1);
    this.#channel.send({ type: 'answer', id, digests });
  }

  /**
   * What a request counts against the limits.
   *
   * @throws {BasynError} `protocol`, where it is not allowed: neither requests nor unread answers may accumulate.
   */
  #chargeOf(extents: readonly Extent[], stepBytes: number): number {
    const { hasher, plan } = this.#phase;
    if (stepBytes === 0) throw forbiddenAsk('in steps of 0 bytes');
    const charge = askCharge(stepCountOf(extents, stepBytes) * hasher.digestBytes);
    if (extents.some(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes > plan.sizeBytes)) {
      throw forbiddenAsk(`past the ${plan.sizeBytes} bytes of the run`);
    }
    if (charge >= bounds.maxPayloadBytes) throw forbiddenAsk('that do not fit into one answer');
    if (this.#askedBytes + charge > bounds.askedDigestBytes) {
      throw forbiddenAsk('while too many requests were unanswered');
    }
    if (this.#channel.queuedBytes > bounds.unreadAnswerBytes) {
      throw forbiddenAsk('without reading the answers');
    }
    return charge;
  }

  /** Block digests that the survey has already computed, so that no block is hashed twice. */
  #keptDigests(extents: readonly Extent[]): Uint8Array | undefined {
    const { geometry, hasher } = this.#phase;
    const parts: Uint8Array[] = [];
    const blockBytes = blockBytesOf(geometry);
    for (const { offsetBytes, lengthBytes } of extents) {
      const buffer = bufferExtentOf(geometry, Math.floor(offsetBytes / geometry.bufferBytes));
      const blocks = this.#kept.get(buffer.offsetBytes / geometry.bufferBytes)?.blocks;
      const startInBuffer = offsetBytes - buffer.offsetBytes;
      const endInBuffer = startInBuffer + lengthBytes;
      // Of the blocks of a buffer, only the last may be short. The digest of a block says nothing about a part of it.
      const isWhole = endInBuffer % blockBytes === 0 || endInBuffer === buffer.lengthBytes;
      if (blocks === undefined || startInBuffer % blockBytes !== 0 || !isWhole) return undefined;
      const start = (startInBuffer / blockBytes) * hasher.digestBytes;
      const end = Math.ceil(endInBuffer / blockBytes) * hasher.digestBytes;
      if (end > blocks.byteLength) return undefined;
      parts.push(blocks.subarray(start, end));
    }
    return Buffer.concat(parts);
  }
}

/** A message describes buffers without a gap between them. */
function runsOf(batch: readonly SurveyedBuffer[]): SurveyedBuffer[][] {
  const runs: SurveyedBuffer[][] = [];
  for (const buffer of batch) {
    const last = runs.at(-1);
    if (last?.at(-1)?.index === buffer.index - 1) last.push(buffer);
    else runs.push([buffer]);
  }
  return runs;
}

function neverSent(buffer: number): BasynError {
  return new BasynError('protocol', `The peer settled buffer ${buffer} out of turn.`);
}

function forbiddenAsk(how: string): BasynError {
  return new BasynError('protocol', `The peer asked for digests ${how}.`);
}
