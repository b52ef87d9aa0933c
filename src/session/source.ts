import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import type { FinishedMessage } from '../protocol/messages.ts';
import { Comparer } from './compare/comparer.ts';
import { compressionControlOf } from './transfer/compression-control.ts';
import { Findings } from './compare/findings.ts';
import { PeerDigests } from './compare/peer-digests.ts';
import { rangesOf } from './coverage.ts';
import type { Phase, ProgressListener } from './phase.ts';
import { ProgressCount } from './progress-count.ts';
import type { PhaseCounts } from '../report.ts';
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
  /** Whether what differs is sent. */
  readonly #moves: boolean = false;
  #isFinishing = false;

  /** Starts reading at once. Nothing is sent before {@link run}. */
  constructor(phase: Phase, channel: Channel) {
    this.#phase = phase;
    this.#channel = channel;
    this.#sender = new Sender(phase, channel, this.#tasks, compressionControlOf(phase.plan.compression));
    this.#peerDigests = new PeerDigests(phase, channel);
    if (phase.plan.phase !== 'copy') {
      this.#moves = phase.plan.phase === 'sync' && !phase.plan.dryRun;
      this.#comparer = new Comparer({
        phase,
        theirs: this.#peerDigests,
        tasks: this.#tasks,
        onDiffering: async (extents) => {
          if (this.#moves) await this.#sender.send(extents);
        },
      });
    }
  }

  /** @throws {BasynError} the first failure before the target has confirmed the phase. */
  async run(onProgress: ProgressListener): Promise<PhaseCounts> {
    const count = new ProgressCount(this.#phase.plan.sizeBytes, onProgress);
    const work = Promise.all([this.#work(count), this.#listen(count)]);
    const [findings, { writtenBytes }] = await this.#tasks.race(work);
    const sentBytes = this.#sender.acceptedBytes;
    if (writtenBytes !== sentBytes) {
      throw new BasynError(
        'protocol',
        `The target wrote ${writtenBytes} of the ${sentBytes} bytes that it was sent.`,
      );
    }
    return { ...findings.differences(), writtenBytes };
  }

  async #work(count: ProgressCount): Promise<Findings> {
    const onSettled = (settledBytes: number, differingBytes: number): void =>
      count.settled(settledBytes, this.#moves ? differingBytes : 0);
    const findings = await (this.#comparer === undefined ? this.#sendAll() : this.#comparer.run(onSettled));
    await this.#sender.flushed();
    this.#isFinishing = true;
    const dataBytes = this.#sender.acceptedBytes;
    const { differingRanges, ...differences } = findings.differences();
    this.#channel.send({ type: 'finish', dataBytes, ...differences, differingRanges: [...differingRanges] });
    return findings;
  }

  async #sendAll(): Promise<Findings> {
    const { plan, coverage, geometry } = this.#phase;
    const findings = new Findings();
    const mostBytes = plan.dryRun ? Infinity : bounds.dataFrameBytes;
    for (const range of rangesOf(coverage, geometry, mostBytes)) {
      findings.add([range]);
      if (!plan.dryRun) await this.#sender.send([range]);
    }
    return findings;
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
        count.written(this.#sender.writtenBytes);
      } else if (message.type === 'finished' && this.#isFinishing) {
        return message;
      } else {
        throw unexpected(message);
      }
    }
  }
}
