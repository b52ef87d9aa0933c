import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { BasynError, runEnded } from '../errors.ts';
import type { Traffic } from '../report.ts';
import { Continuity } from '../session/continuity.ts';
import type { LocalEnd } from '../session/local-end.ts';
import { AgentLink, type LinkNeeds } from './agent-link.ts';
import { Attempt, type AttemptOptions } from './attempt.ts';
import { waitBeforeRetryMs, type RetryPolicy } from './retry-policy.ts';

/** What the attempts of a run have in common. */
export interface AttemptsOptions extends Omit<AttemptOptions, 'continuity'> {
  /** Of the first attempt. */
  readonly link: AgentLink;
  readonly needs: LinkNeeds;
}

/** The attempts of one run over ssh: each has a link of its own. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #policy: RetryPolicy;
  readonly #continuity: Continuity | undefined;
  readonly #waiting = new AbortController();
  #current: Attempt;
  /** Of the attempts before the current one. */
  #earlier: Traffic = { receivedBytes: 0, transmittedBytes: 0 };
  #failureCount = 0;

  constructor(options: AttemptsOptions, policy: RetryPolicy) {
    this.#options = options;
    this.#policy = policy;
    this.#continuity = policy.retries === 0 ? undefined : new Continuity();
    this.#current = this.#attemptOver(options.link);
  }

  /** Bytes at the pipes to ssh so far. */
  traffic(): Traffic {
    return sum(this.#earlier, this.#current.traffic());
  }

  /**
   * Resolves with what `use` returns in the attempt that succeeds.
   *
   * @throws {BasynError} the failure after which there is no further attempt.
   */
  async run<T>(use: (end: LocalEnd) => Promise<T>): Promise<T> {
    for (;;) {
      const startMs = monotonicMs();
      try {
        return await this.#current.run(use);
      } catch (thrown) {
        await this.#waitForNext(BasynError.from(thrown), monotonicMs() - startMs);
      }
      this.#startNext();
    }
  }

  /** Makes {@link run} fail soon. */
  abort(): void {
    this.#waiting.abort();
    this.#current.abort();
  }

  /** @throws {BasynError} the failure, where no further attempt follows; `aborted`. */
  async #waitForNext(error: BasynError, elapsedMs: number): Promise<void> {
    const { reporter } = this.#options;
    reporter.stop();
    const continuity = this.#continuity;
    if (continuity === undefined) throw error;
    this.#failureCount = continuity.hasProgress ? 0 : this.#failureCount + 1;
    const waitMs = waitBeforeRetryMs(error, this.#failureCount, this.#policy);
    if (waitMs === undefined) throw continuity.run.attempt === 1 ? error : inLaterAttempt(error, continuity);
    const { lostBytes, fromBytes } = continuity;
    continuity.next();
    const interruption = { reason: error.message, elapsedMs, waitMs, lostBytes };
    reporter.interrupted(continuity.run.attempt, interruption, fromBytes);
    await this.#wait(waitMs);
  }

  async #wait(waitMs: number): Promise<void> {
    const { signal } = this.#waiting;
    // The only error is the end of the wait.
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw runEnded();
  }

  #startNext(): void {
    this.#earlier = this.traffic();
    // In the middle of a run, nobody may be there to type a password.
    const { needs, link } = this.#options;
    this.#current = this.#attemptOver(new AgentLink({ ...needs, limit: link.limit, prompts: 'never' }));
  }

  #attemptOver(link: AgentLink): Attempt {
    const { order, reporter, snapshots, recorder, links } = this.#options;
    return new Attempt(link, { order, reporter, snapshots, recorder, links, continuity: this.#continuity });
  }
}

/**
 * The error as it is meant in an attempt that is not the first one. `refused` promises that nothing was written, and an
 * earlier attempt may have written. A target that was there is neither created nor extended again.
 */
function inLaterAttempt(error: BasynError, continuity: Continuity): BasynError {
  const { code, message, side, device, offsetBytes, remedy } = error;
  const isLost = side !== undefined && continuity.hasSeen(side) && (remedy === 'create' || remedy === 'grow');
  if (code !== 'refused' && !isLost) return error;
  return new BasynError(
    code === 'refused' ? 'device' : code,
    isLost ? `${message} In an earlier attempt, it was there and large enough.` : message,
    { side, device, offsetBytes, remedy: isLost ? undefined : remedy },
    { cause: error },
  );
}

function sum(a: Traffic, b: Traffic): Traffic {
  return {
    receivedBytes: a.receivedBytes + b.receivedBytes,
    transmittedBytes: a.transmittedBytes + b.transmittedBytes,
  };
}
