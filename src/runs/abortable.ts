import { BasynError } from '../errors.ts';

/**
 * Lets `work` go on until it is done, or the signal asks `stop` to make it fail.
 *
 * @throws {BasynError} `aborted`, where the signal came before the work; whatever the work throws.
 */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  stop: () => void,
  work: () => Promise<T>,
): Promise<T> {
  throwIfEnded(signal);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await work();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** @throws {BasynError} `aborted`. */
export function throwIfEnded(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new BasynError('aborted', 'The run was ended before it began.');
}
