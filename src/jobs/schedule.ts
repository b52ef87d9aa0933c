/** What a job uses that others may need as well. */
export interface Needs {
  /** The host that it connects to. Undefined: none. */
  readonly host?: string | undefined;
  /** Disks of this machine that it reads or writes. */
  readonly disks: readonly string[];
}

export interface ScheduleLimits {
  /** The number of jobs that may run at the same time. */
  readonly parallel: number;
  /** The same for one host. */
  readonly parallelOn: (host: string) => number;
  /** Whether jobs that need the same disk may run at the same time. */
  readonly disks: 'exclusive' | 'shared';
}

/** Decides which job is next: the first one, in the order that was given, whose needs are free. */
export class Schedule {
  readonly #limits: ScheduleLimits;
  readonly #waiting = new Map<number, Needs>();
  readonly #running = new Map<number, Needs>();

  constructor(jobs: readonly Needs[], limits: ScheduleLimits) {
    this.#limits = limits;
    jobs.forEach((needs, index) => this.#waiting.set(index, needs));
  }

  /** Starts the next job. Returns its index, or undefined if none can be started now. */
  start(): number | undefined {
    if (this.#running.size >= this.#limits.parallel) return undefined;
    for (const [index, needs] of this.#waiting) {
      if (!this.#isFree(needs)) continue;
      this.#waiting.delete(index);
      this.#running.set(index, needs);
      return index;
    }
    return undefined;
  }

  /** A job that {@link start} returned has ended. */
  end(index: number): void {
    this.#running.delete(index);
  }

  #isFree({ host, disks }: Needs): boolean {
    const running = [...this.#running.values()];
    const { disks: use, parallelOn } = this.#limits;
    if (use === 'exclusive' && running.some((other) => other.disks.some((disk) => disks.includes(disk)))) {
      return false;
    }
    return host === undefined || running.filter((other) => other.host === host).length < parallelOn(host);
  }
}
