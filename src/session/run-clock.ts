import { monotonicMs } from '../clock.ts';
import type { Side } from '../errors.ts';
import type { RunTimes, WaitingTimes } from '../report.ts';
import type { RunnerTimes } from '../workers/job-meter.ts';
import type { Role } from './order.ts';
import { diskMsOf, processorMsOf, type SideTimes } from './side-times.ts';
import { StageTimes } from './stage-times.ts';

/** How long the processors of each side were busy. */
export type ProcessorTimes = Record<Side, number>;

/** Measures where the time of a run goes, in all attempts. */
export class RunClock {
  /** Of the local side, in the current attempt. */
  stages = new StageTimes();
  readonly #processorMs: ProcessorTimes = { local: 0, remote: 0 };
  readonly #waitingMs: Record<keyof Omit<WaitingTimes, 'processor'>, number> = {
    localDisk: 0,
    remoteDisk: 0,
    link: 0,
  };
  #isKnown = true;
  #remote: SideTimes | undefined;
  #attemptStartMs = monotonicMs();
  #isConnecting = true;
  #phaseStartMs: number | undefined;
  #connectingMs = 0;
  #work: 'copying' | 'comparing' = 'comparing';
  #copyingMs = 0;
  /** With what a SYNC sends meanwhile. */
  #comparingMs = 0;
  #sendingMs = 0;
  #flushingMs = 0;

  /** An attempt begins, or the first one has begun. */
  attemptBegins(): void {
    this.#attemptStartMs = monotonicMs();
    this.#isConnecting = true;
    this.stages = new StageTimes();
    this.#remote = undefined;
  }

  /** @param work `copying`: all of the phase is sending, also where the data is not read yet. */
  phaseBegins(work: 'copying' | 'comparing'): void {
    this.#endConnecting();
    this.#work = work;
    this.#phaseStartMs ??= monotonicMs();
  }

  phaseEnds(): void {
    if (this.#phaseStartMs === undefined) return;
    const elapsedMs = monotonicMs() - this.#phaseStartMs;
    if (this.#work === 'copying') this.#copyingMs += elapsedMs;
    else this.#comparingMs += elapsedMs;
    this.#phaseStartMs = undefined;
  }

  /** What the remote side has measured in this attempt. Undefined where it can't. */
  remoteMeasured(times: SideTimes | undefined): void {
    this.#remote = times;
    this.#isKnown &&= times !== undefined;
  }

  /**
   * The attempt has ended, or failed.
   *
   * @param role of the local side.
   * @param local what it has measured. Undefined where it can't.
   */
  attemptEnds(role: Role, hosts: 'one' | 'two', local: SideTimes | undefined): void {
    this.#endConnecting();
    this.phaseEnds();
    const remote = this.#remote;
    const { data, flush } = this.stages;
    this.#sendingMs += role === 'source' ? data.ms : (remote?.dataMs ?? 0);
    this.#flushingMs += flush.ms;
    if (local === undefined) {
      this.#isKnown = false;
      return;
    }
    this.#waitingMs.localDisk += local.diskMs;
    this.#processorMs.local += local.processorMs;
    // Of an attempt that has failed, nothing more is known.
    if (remote === undefined) return;
    this.#waitingMs.remoteDisk += remote.diskMs;
    const [source, target] = role === 'source' ? [local, remote] : [remote, local];
    if (hosts === 'one') {
      // One processor does the work of both.
      this.#processorMs.local += remote.processorMs;
    } else {
      this.#processorMs.remote += remote.processorMs;
      this.#waitingMs.link += Math.max(0, source.exchangeMs - target.exchangeMs);
    }
  }

  /** The only attempt of a run without a link has ended. */
  sameHostEnds(times: RunnerTimes | undefined, parallelism: number, target: Side): void {
    this.#endConnecting();
    this.phaseEnds();
    const flushMs = this.stages.flush.ms;
    this.#flushingMs += flushMs;
    if (times === undefined || times.unknownJobs > 0) {
      this.#isKnown = false;
      return;
    }
    this.#waitingMs.localDisk += diskMsOf(times, 'local') + (target === 'local' ? flushMs : 0);
    this.#waitingMs.remoteDisk += diskMsOf(times, 'remote') + (target === 'remote' ? flushMs : 0);
    this.#processorMs.local += processorMsOf(times, parallelism);
  }

  /** @param elapsedMs of the run, which none of the times exceeds. */
  times(elapsedMs: number): RunTimes {
    const atMost = (ms: number): number => Math.min(ms, elapsedMs);
    const { localDisk, remoteDisk, link } = this.#waitingMs;
    const { local, remote } = this.#processorMs;
    return {
      connectingMs: this.#connectingMs,
      ...this.#phaseTimes(),
      flushingMs: this.#flushingMs,
      ...(this.#isKnown && {
        waitingMs: {
          localDisk: atMost(localDisk),
          remoteDisk: atMost(remoteDisk),
          link: atMost(link),
          processor: atMost(Math.max(local, remote)),
        },
      }),
    };
  }

  /** No run has both a copy and a SYNC. */
  #phaseTimes(): Pick<RunTimes, 'comparingMs' | 'sendingMs'> {
    const [copyingMs, flushingMs] = [this.#copyingMs, this.#flushingMs];
    if (copyingMs > 0) {
      return { comparingMs: this.#comparingMs, sendingMs: Math.max(0, copyingMs - flushingMs) };
    }
    const sendingMs = Math.min(this.#sendingMs, this.#comparingMs);
    const comparingMs = Math.max(0, this.#comparingMs - sendingMs - flushingMs);
    return { comparingMs, ...(sendingMs > 0 && { sendingMs }) };
  }

  /** Which processors were busy for longer. */
  get busierSide(): Side {
    return this.#processorMs.remote > this.#processorMs.local ? 'remote' : 'local';
  }

  #endConnecting(): void {
    if (!this.#isConnecting) return;
    this.#isConnecting = false;
    this.#connectingMs += monotonicMs() - this.#attemptStartMs;
  }
}
