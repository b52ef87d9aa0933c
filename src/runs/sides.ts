import { BasynError } from '../errors.ts';

/**
 * A message about a run whose devices are both on this machine, without the side: "remote target /x" would be taken for a
 * device on another machine. Its role and its path say which one is meant.
 */
export function withoutSides(message: string): string {
  return message.replace(/\b(?:local|remote) (?=(?:source|target|device|file) \S)/, '');
}

/** The same for what was thrown. */
export function errorWithoutSides(thrown: unknown): BasynError {
  const error = BasynError.from(thrown);
  const message = withoutSides(error.message);
  if (message === error.message) return error;
  const renamed = new BasynError(error.code, message, error, { cause: error.cause });
  if (error.stack !== undefined) renamed.stack = error.stack.replace(error.message, message);
  return renamed;
}
