import { resolve } from 'node:path';
import { monotonicMs } from '../../clock.ts';
import { BasynError } from '../../errors.ts';
import type { Task } from '../../options/task.ts';
import type { RecordReport, RunEvent, RunReport } from '../../report.ts';
import type { Devices, Reporter } from '../reporter.ts';
import { withSentence } from '../remedies.ts';
import { isSameJob, type JobIdentity } from './exposition.ts';
import { type Ended, kindOf, measuresOf } from './measure.ts';
import { MetricsFile, otherOwner } from './metrics-file.ts';

/** The metrics of a single run, as one job. */
export class RunMetrics {
  readonly #file: MetricsFile;
  readonly #task: Task;
  readonly #identity: JobIdentity;
  readonly #lastSuccessMs: number;
  readonly #startedMs = Date.now();
  readonly #startedMonotonicMs = monotonicMs();
  #attempts = 1;
  #isOver = false;

  /** @throws {BasynError} `usage`, where the file can't be used. */
  constructor(path: string, task: Task) {
    this.#file = new MetricsFile(path);
    this.#task = task;
    this.#identity = { name: nameOf(task), kind: kindOf(task) };
    const other = this.#file.previous.find((known) => !isSameJob(known, this.#identity));
    if (other !== undefined) throw otherOwner(path, other);
    this.#lastSuccessMs = this.#file.previous[0]?.measures.lastSuccessMs ?? 0;
  }

  /** Writes the file before it tells the reporter that the run has ended. The reporter can then report a failure to write it. */
  before(reporter: Required<Reporter>): Required<Reporter> {
    return {
      ...reporter,
      event: (event) => {
        this.#observe(event);
        reporter.event(event);
      },
      finished: (report) => {
        this.#end(report.matches ? 'succeeded' : 'failed', report);
        reporter.finished(report);
      },
      recorded: (report) => {
        this.#end('succeeded', report);
        reporter.recorded(report);
      },
      found: (devices) => {
        this.#end('succeeded', devices);
        reporter.found(devices);
      },
      failed: (error) => reporter.failed(this.#failure(error)),
    };
  }

  #observe(event: RunEvent): void {
    if (event.type === 'attempt') this.#attempts = event.attempt;
  }

  #failure(error: BasynError): BasynError {
    // A run that was refused because its options are wrong is none, and may have a wrong name.
    if (this.#isOver || error.code === 'usage') return error;
    try {
      this.#end('failed');
      return error;
    } catch (thrown) {
      return withSentence(error, BasynError.from(thrown).message);
    }
  }

  #end(status: Ended['status'], report?: RunReport | RecordReport | Devices): void {
    this.#isOver = true;
    const ended = {
      status,
      attempts: this.#attempts,
      startedMs: this.#startedMs,
      elapsedMs: monotonicMs() - this.#startedMonotonicMs,
      ...(report !== undefined && { report }),
    };
    const measures = measuresOf(ended, this.#task, this.#lastSuccessMs);
    this.#file.write([{ ...this.#identity, measures }]);
  }
}

/** The target, with its host. The remote device, where no action says which device is the target; the source, where there is no target. */
function nameOf({ kind, options }: Task): string {
  const { local = '', remote = '', host } = options;
  const isPush = !('action' in options) || options.action !== 'pop';
  const isRemote = kind === 'record' ? !isPush : isPush;
  if (!isRemote) return resolve(local);
  return host === undefined ? resolve(remote) : `${host}:${remote}`;
}
