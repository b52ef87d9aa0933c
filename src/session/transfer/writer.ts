import { totalBytes } from '../../digest/extent.ts';
import { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import type { Channel } from '../../link/channel.ts';
import type { DataMessage } from '../../protocol/messages.ts';
import type { Phase } from '../phase.ts';
import type { TaskGroup } from '../task-group.ts';

/** The target's half of the transfer: takes data frames and writes their ranges. */
export class Writer {
  readonly #phase: Phase;
  readonly #channel: Channel;
  readonly #tasks: TaskGroup;
  readonly #writes = new Set<Promise<void>>();
  #receivedBytes = 0;
  #writtenBytes = 0;

  constructor(phase: Phase, channel: Channel, tasks: TaskGroup) {
    this.#phase = phase;
    this.#channel = channel;
    this.#tasks = tasks;
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /**
   * Takes a data frame.
   *
   * @param onWritten is called with the total of written bytes once this frame is written.
   * @throws {BasynError} `protocol`, where the frame reaches outside the plan or exceeds the window.
   */
  data(message: DataMessage, onWritten: (writtenBytes: number) => void): void {
    const lengthBytes = totalBytes(message.extents);
    const { plan } = this.#phase;
    if (plan.phase === 'recheck' || plan.dryRun) {
      throw new BasynError('protocol', 'The peer sent data in a phase that writes nothing.');
    }
    if (message.extents.some((extent) => extent.offsetBytes + extent.lengthBytes > plan.sizeBytes)) {
      throw new BasynError('protocol', `The peer sent data past the ${plan.sizeBytes} bytes of the run.`);
    }
    if (lengthBytes > bounds.dataFrameBytes) {
      throw new BasynError('protocol', `The peer sent a data frame of ${lengthBytes} bytes.`);
    }
    if (message.payload.byteLength > lengthBytes) {
      throw new BasynError(
        'protocol',
        `The peer sent ${message.payload.byteLength} bytes of payload for ${lengthBytes} bytes of data.`,
      );
    }
    this.#receivedBytes += lengthBytes;
    if (this.#receivedBytes - this.#writtenBytes > bounds.dataWindowBytes) {
      throw new BasynError('protocol', 'The peer sent more data than the window allows.');
    }
    const write = this.#write(message, lengthBytes).then(() => onWritten(this.#writtenBytes));
    this.#writes.add(write);
    // A write that fails stays in the set, so `settled` can never resolve after it.
    this.#tasks.spawn(write.then(() => this.#writes.delete(write)));
  }

  /**
   * Resolves when everything received so far is written.
   *
   * @throws {BasynError} the first failure of a write.
   */
  async settled(): Promise<void> {
    await Promise.all(this.#writes);
  }

  async #write({ extents, encoding, digest, payload }: DataMessage, lengthBytes: number): Promise<void> {
    const { output: device, runner, zeros } = this.#phase;
    const job = { kind: 'write', device, extents, encoding, digest, payload, zeros } as const;
    const done = await runner.run(job, 'now');
    const payloadBytes = done.payload.byteLength;
    this.#channel.memory.giveBack(done.payload);
    this.#writtenBytes += lengthBytes;
    this.#channel.send({ type: 'written', writtenBytes: lengthBytes, payloadBytes });
  }
}
