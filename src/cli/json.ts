import { exitCodeOf } from '../errors.ts';
import type { Output } from './output.ts';
import type { Reporter } from './reporter.ts';
import { safeJson } from './terminal.ts';

/**
 * `--json`: one object per line on stdout. First the events `start`, `phase-start`, `progress`, `flushing`,
 * `phase-end` and `warning`; last exactly one `result`, `devices` or `error`.
 */
export function jsonReporter(output: Output): Reporter {
  const print = (value: object): void => output.print(safeJson(value));
  return {
    event(event) {
      if (event.type !== 'remote-stderr' && event.type !== 'debug') print(event);
    },
    finished: (report) => print({ type: 'result', ...report }),
    found: (devices) => print({ type: 'devices', ...devices }),
    failed: (error) => print({ type: 'error', ...error.toRecord(), exitCode: exitCodeOf(error) }),
  };
}

/** `--json --debug`: the remote side's stderr as objects, too. */
export function jsonDebugReporter(output: Output): Reporter {
  return {
    event(event) {
      if (event.type === 'remote-stderr') output.print(safeJson(event));
    },
  };
}
