import { BasynError } from '../errors.ts';
import type { RunSignal } from '../report.ts';

/**
 * Runs `work`. Where the signal is aborted meanwhile, `stop` has to make the work fail.
 *
 * @throws {BasynError} `aborted`, where the signal was aborted before; whatever `work` throws. An `aborted` error has the
 *   signal's reason as its cause.
 */
export async function abortable<T>(
  signal: RunSignal | undefined,
  stop: () => void,
  work: () => Promise<T>,
): Promise<T> {
  throwIfEnded(signal);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await work();
  } catch (thrown) {
    throw signal?.aborted === true ? withReason(thrown, signal) : thrown;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** @throws {BasynError} `aborted`. */
export function throwIfEnded(signal: RunSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new BasynError('aborted', 'The run was ended before it began.', {}, { cause: signal.reason });
  }
}

/** What the work threw because it was stopped doesn't know the reason: the signal has it. */
function withReason(thrown: unknown, { reason }: RunSignal): unknown {
  if (!(thrown instanceof BasynError) || thrown.code !== 'aborted') return thrown;
  const error = new BasynError(thrown.code, thrown.message, thrown, { cause: reason });
  if (thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}
