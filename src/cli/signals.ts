import { BasynError } from '../errors.ts';

/** What is used of `process`. */
export interface SignalSource {
  on(name: NodeJS.Signals, listener: () => void): unknown;
}

const signalNames = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Under `npx` a Ctrl-C arrives twice: from the terminal, and passed on by npm. What follows the first signal
 * so closely is the same wish.
 */
const echoMs = 300;

/** An AbortSignal that the first signal aborts; a second one calls `exitAtOnce`, so as not to wait for children. */
export function abortOnSignals(source: SignalSource, now: () => number, exitAtOnce: () => void): AbortSignal {
  const controller = new AbortController();
  let abortedAtMs = 0;
  for (const name of signalNames) {
    source.on(name, () => {
      if (!controller.signal.aborted) {
        abortedAtMs = now();
        controller.abort(new BasynError('aborted', `Stopped by ${name}`));
      } else if (now() - abortedAtMs > echoMs) {
        exitAtOnce();
      }
    });
  }
  return controller.signal;
}
