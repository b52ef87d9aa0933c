/**
 * Takes one line of the trace of a run (`--debug`). Where no trace was asked for it is undefined, and with
 * `trace?.(…)` the line is not even composed.
 */
export type Trace = (line: string) => void;
