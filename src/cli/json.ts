import { exitCodeOf } from '../errors.ts';
import type { LineWriter } from './output.ts';
import type { Reporter } from './reporter.ts';
import type { Task } from '../options/task.ts';
import { safeJson } from '../display/safe-text.ts';
import type { Clock } from './text.ts';

/**
 * `--json`: one object per line on stdout. First the events `start`, `phase-start`, `progress`, `flushing`, `attempt`,
 * `phase-end` and `warning`; last exactly one `result`, `devices` or `error`.
 */
export function jsonReporter(output: LineWriter, now: Clock, version: string): Reporter {
  const print = (value: object): void => output.print(safeJson(value));
  let order: object = {};
  return {
    started: (task) => {
      order = { host: task.options.host ?? null, ...directionOf(task) };
    },
    event(event) {
      if (event.type === 'remote-stderr' || event.type === 'debug') return;
      if (event.type === 'start') {
        const { type, ...devices } = event;
        print({ type, time: new Date(now()).toISOString(), version, ...order, ...devices });
        return;
      }
      output.print(safeJson(event), event.type === 'progress' ? 'latest' : 'kept');
    },
    finished: (report) => print({ type: 'result', ...report }),
    recorded: (report) => print({ type: 'result', ...report }),
    found: (devices) => print({ type: 'devices', ...devices }),
    failed: (error) => print({ type: 'error', ...error.toRecord(), exitCode: exitCodeOf(error) }),
  };
}

function directionOf({ kind, options }: Task): object {
  if (kind === 'inspect') return { action: null, mode: null };
  return { action: options.action ?? null, mode: kind === 'sync' ? options.mode : null };
}

/** `--json --debug`: the remote side's stderr as objects, too. */
export function jsonDebugReporter(output: LineWriter): Reporter {
  return {
    event(event) {
      if (event.type === 'remote-stderr') output.print(safeJson(event), 'droppable');
    },
  };
}
