import type { Level } from '../journal.ts';
import type { Importance } from '../outlet.ts';
import type { LineWriter } from '../output.ts';
import { safeText } from '../../display/safe-text.ts';
import { bounds } from '../../limits.ts';

/** The output of several jobs at once: each line begins with the name of its job, and each running job has a line of progress. */
export class JobsScreen {
  readonly #output: LineWriter;
  readonly #statuses = new Map<string, string>();
  #total = '';

  constructor(output: LineWriter) {
    this.#output = output;
  }

  /** The output of one job. */
  writerOf(job: string): LineWriter {
    const output = this.#output;
    const named = (line: string): string => `${job}: ${line}`;
    return {
      print: (line: string, importance?: Importance) => output.print(named(line), importance),
      notice: (line: string, importance?: Importance, level?: Level) =>
        output.notice(named(line), importance, level),
      showStatus: (text) => this.#show(job, text === '' ? '' : named(text)),
      get terminalColumns() {
        const columns = output.terminalColumns;
        return columns === undefined ? undefined : Math.max(columns - named('').length, 1);
      },
    };
  }

  /** The line below those of the jobs. */
  showTotal(text: string): void {
    this.#total = text;
    this.#draw();
  }

  #show(job: string, text: string): void {
    if (text === '') this.#statuses.delete(job);
    else this.#statuses.set(job, text);
    this.#draw();
  }

  #draw(): void {
    const columns = this.#output.terminalColumns;
    if (columns === undefined) return;
    const all = [...this.#statuses.values()];
    const shown =
      all.length > bounds.progressLines
        ? [...all.slice(0, bounds.progressLines - 1), `… and ${all.length - bounds.progressLines + 1} more`]
        : all;
    const lines = this.#total === '' ? shown : [...shown, this.#total];
    this.#output.showStatus(lines.map((line) => safeText(line).slice(0, columns - 1)).join('\n'));
  }
}
