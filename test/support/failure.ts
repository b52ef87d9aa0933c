import { BasynError } from '../../src/errors.ts';

/** The BasynError with which the work ends. Any other error is rethrown. */
export async function failureOf(work: () => unknown): Promise<BasynError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BasynError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** What the work returns, or the BasynError with which it ends. */
export function outcomeOf<T>(work: () => T): T | BasynError {
  try {
    return work();
  } catch (error) {
    if (error instanceof BasynError) return error;
    throw error;
  }
}
