import { performance, type EventLoopUtilization } from 'node:perf_hooks';

/** Measures for how long the main thread is busy, from its construction on. */
export class LoopTime {
  readonly #start: EventLoopUtilization = performance.eventLoopUtilization();

  get activeMs(): number {
    return performance.eventLoopUtilization(this.#start).active;
  }
}
