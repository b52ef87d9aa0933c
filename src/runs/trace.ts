import type { Observation } from '../options/types.ts';
import type { Trace } from '../trace.ts';

/** The trace of a run, as `debug` events. Undefined unless the caller asked for it. */
export function traceOf({ debug, onEvent }: Observation): Trace | undefined {
  if (debug !== true || onEvent === undefined) return undefined;
  return (message) => onEvent({ type: 'debug', message });
}
