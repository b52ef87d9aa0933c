import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Channel } from '../link/channel.ts';
import { bufferCountOf } from '../digest/geometry.ts';
import type { CoverMessage } from '../protocol/messages.ts';
import type { Plan } from '../protocol/schemas.ts';
import { coverageOfRuns, runsOf, type Coverage } from './coverage.ts';
import { geometryOfPlan } from './phase.ts';

/** Tells the agent which buffers the next phase examines on its side. Call it before `begin`. */
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

/** The agent's half: what the next phase examines. */
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
      throw new BasynError('protocol', 'The local side listed buffers that are not allowed.');
    }
    this.#messages.push(runs);
    if (runs.length > 0) this.#endIndex = runs.at(-2)! + runs.at(-1)!;
    this.#isComplete = isLast;
  }

  /**
   * What a phase examines. The next phase needs a list of its own.
   *
   * @returns undefined where it examines everything.
   * @throws {BasynError} `protocol`, where the plan and the list do not belong together.
   */
  take(plan: Plan): Coverage | undefined {
    const [messages, endIndex, isComplete] = [this.#messages, this.#endIndex, this.#isComplete];
    const isFitting =
      plan.covered === true
        ? isComplete && endIndex <= bufferCountOf(geometryOfPlan(plan))
        : !this.#isStarted;
    if (!isFitting) {
      throw new BasynError('protocol', 'The local side began a phase that does not fit its list of buffers.');
    }
    if (plan.covered !== true) return undefined;
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
