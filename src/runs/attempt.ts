import { setTimeout as sleep } from 'node:timers/promises';
import { BasynError, runEnded } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Traffic } from '../report.ts';
import type { Continuity } from '../session/continuity.ts';
import type { LocalEnd } from '../session/local-end.ts';
import type { Order } from '../session/order.ts';
import { SideMeter } from '../session/side-times.ts';
import type { RunReporter } from '../session/run-reporter.ts';
import type { RunSnapshots } from '../session/run-snapshots.ts';
import type { Recorder } from '../state-file/recorder.ts';
import type { AgentLink } from './agent-link.ts';
import type { AgentLinks } from './agent-links.ts';

export interface AttemptOptions {
  readonly order: Order;
  readonly reporter: RunReporter;
  /** Of a local source. Undefined where it is read itself. */
  readonly snapshots: RunSnapshots | undefined;
  /** Undefined where a run has one attempt only. */
  readonly continuity: Continuity | undefined;
  /** Undefined in a run without a state file. */
  readonly recorder: Recorder | undefined;
  /** Where the link goes after a success. */
  readonly links: AgentLinks;
}

/**
 * One attempt at a run over ssh: the local end plays its part over a link, which is given back after that. After a failure,
 * everything that belongs to the link is ended. The run's reporter may outlive the attempt.
 */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #link: AgentLink;
  /** What earlier runs have transferred over the link. */
  readonly #before: Traffic;
  readonly #meter: SideMeter;
  #isReleased: Promise<void> | undefined;

  constructor(link: AgentLink, options: AttemptOptions) {
    this.#options = options;
    this.#link = link;
    this.#before = link.traffic();
    const { clock } = options.reporter;
    clock.attemptBegins();
    this.#meter = new SideMeter(link.runner, 'local', clock.stages);
  }

  /** Bytes at the pipes to ssh so far. */
  traffic(): Traffic {
    const { receivedBytes, transmittedBytes } = this.#link.traffic();
    return {
      receivedBytes: receivedBytes - this.#before.receivedBytes,
      transmittedBytes: transmittedBytes - this.#before.transmittedBytes,
    };
  }

  /**
   * Resolves with what `use` returns. If a further run cannot use the link, ssh and the threads have ended then.
   *
   * @throws {BasynError} the first failure, with its cause as far as it is known here. Everything has ended then.
   */
  async run<T>(use: (end: LocalEnd) => Promise<T>): Promise<T> {
    const { links, ...options } = this.#options;
    const { channel, runner, laneOpener } = this.#link;
    try {
      const result = await use({ ...options, channel, runner, laneOpener, linkUse: links.linkUse });
      laneOpener.stop();
      this.#endMeasurement();
      await links.giveBack(this.#link);
      return result;
    } catch (thrown) {
      laneOpener.stop();
      this.#endMeasurement();
      const error = await this.#link.explain(BasynError.from(thrown));
      await this.#releaseAgent(error);
      await this.#link.stop();
      throw error;
    }
  }

  /** Before another run may use the link. */
  #endMeasurement(): void {
    const { order, reporter } = this.#options;
    reporter.clock.attemptEnds(order.localRole, 'two', this.#meter.times);
  }

  /** Makes {@link run} fail soon. */
  abort(): void {
    const { channel, runner } = this.#link;
    channel.fail(runEnded());
    void runner.close();
    // The end of the run waits for the threads first, and one in a system call may keep it waiting: ssh has to be stopped
    // here as well. What goes wrong with that is reported there.
    void this.#releaseAgent(runEnded())
      .then(() => this.#link.stopSsh())
      .catch(() => undefined);
  }

  /**
   * Tells the agent that no other attempt follows. Otherwise it would keep its snapshot for one: for the agent, the end of
   * this process looks like the end of the link.
   */
  async #releaseAgent(error: BasynError): Promise<void> {
    const { order, continuity } = this.#options;
    const { snapshot, localRole } = order;
    const isKept = continuity !== undefined && snapshot !== undefined && localRole === 'target';
    if (!isKept || error.code === 'connection') return;
    this.#isReleased ??= Promise.race([this.#sayFailed(error), sleep(bounds.agentReleaseMs)]);
    await this.#isReleased;
  }

  async #sayFailed({ message }: BasynError): Promise<void> {
    const { channel } = this.#link;
    channel.send({
      type: 'failure',
      code: 'aborted',
      message: message.slice(0, bounds.maxErrorMessageCharacters),
    });
    await channel.end();
    await this.#link.ended();
  }
}
