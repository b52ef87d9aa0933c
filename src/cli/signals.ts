import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';

/** What is used of `process`. */
export interface SignalSource {
  on(name: NodeJS.Signals, listener: () => void): unknown;
}

const signalNames = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * An AbortSignal that the first signal aborts; a second one calls `exitAtOnce`, so as not to wait for children.
 *
 * @param now milliseconds of a clock that never jumps.
 */
export function abortOnSignals(source: SignalSource, now: () => number, exitAtOnce: () => void): AbortSignal {
  const controller = new AbortController();
  let abortedAtMs = 0;
  for (const name of signalNames) {
    source.on(name, () => {
      if (!controller.signal.aborted) {
        abortedAtMs = now();
        controller.abort(new BasynError('aborted', `Stopped by ${name}`));
      } else if (now() - abortedAtMs > bounds.signalEchoMs) {
        exitAtOnce();
      }
    });
  }
  return controller.signal;
}

/** What keeps a run from its end after a signal: a thread in a system call, or a child. */
export class GivenUp extends Error {}

/** Rejects with {@link GivenUp} when a run goes on for `bounds.giveUpAfterSignalMs` after the signal. */
export function givenUp(interruption: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const giveUp = (): void => reject(new GivenUp('The run did not end after the signal.'));
    interruption.addEventListener('abort', () => setTimeout(giveUp, bounds.giveUpAfterSignalMs), {
      once: true,
    });
  });
}
