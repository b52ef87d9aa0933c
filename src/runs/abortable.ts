import { BasynError } from '../errors.ts';

/**
 * Runs `work`. Where the signal is aborted meanwhile, `stop` has to make the work fail.
 *
 * @throws {BasynError} `aborted`, where the signal was aborted before; whatever `work` throws.
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
