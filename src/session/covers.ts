import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import { bufferCountOf, type Geometry } from '../digest/geometry.ts';
import type { CoverMessage } from '../protocol/messages.ts';
import type { Plan } from '../protocol/schemas.ts';
import { coverageOfRuns, runsOf, type Coverage } from './coverage.ts';
import { geometryOfPlan } from './phase.ts';

/** Lists buffers for the peer. */
export function sendCovers(channel: Channel, coverage: Coverage): void {
  const runs: number[] = [];
  const send = (isLast: boolean): void => {
    channel.send({ type: 'cover', runs: Float64Array.from(runs), isLast });
    runs.length = 0;
  };
  for (const { firstIndex, endIndex } of runsOf(coverage)) {
    if (runs.length === 2 * bounds.coverMessageRuns) send(false);
    runs.push(firstIndex, endIndex - firstIndex);
  }
  send(true);
}

/** Collects a list of buffers of the peer. */
export class Covers {
  #messages: Float64Array[] = [];
  #runCount = 0;
  #endIndex = -1;
  #isComplete = false;

  /** @throws {BasynError} `protocol`, where the runs are out of order, or too many, or follow the last ones. */
  add({ runs, isLast }: CoverMessage): void {
    this.#runCount += runs.length / 2;
    const isInOrder = runs.length === 0 ? isLast : runs[0]! > this.#endIndex;
    if (this.#isComplete || !isInOrder || this.#runCount > bounds.coverageRuns) {
      throw new BasynError('protocol', 'The peer listed buffers that are not allowed.');
    }
    this.#messages.push(runs);
    if (runs.length > 0) this.#endIndex = runs.at(-2)! + runs.at(-1)!;
    this.#isComplete = isLast;
  }

  /** Whether the last message of the list has arrived. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * What a phase examines. The next phase needs a list of its own.
   *
   * @returns undefined where it examines everything.
   * @throws {BasynError} `protocol`, where the plan and the list do not belong together.
   */
  takeFor(plan: Plan): Coverage | undefined {
    if (plan.covered === true) return this.take(geometryOfPlan(plan));
    if (this.#isStarted) throw unfit();
    return undefined;
  }

  /**
   * The complete list. Another one may follow.
   *
   * @throws {BasynError} `protocol`, where it is not complete, or names buffers that do not exist.
   */
  take(geometry: Geometry): Coverage {
    if (!this.#isComplete || this.#endIndex > bufferCountOf(geometry)) throw unfit();
    const messages = this.#messages;
    const runs = new Float64Array(2 * this.#runCount);
    let at = 0;
    for (const part of messages) {
      runs.set(part, at);
      at += part.length;
    }
    [this.#messages, this.#runCount, this.#endIndex, this.#isComplete] = [[], 0, -1, false];
    return coverageOfRuns(runs);
  }

  get #isStarted(): boolean {
    return this.#messages.length > 0;
  }
}

function unfit(): BasynError {
  return new BasynError('protocol', 'The peer sent a list of buffers that does not fit the phase.');
}
