import { BasynError } from '../errors.ts';
import type { Message } from '../protocol/messages.ts';

/** A message that is well-formed, and not allowed where it came. */
export function unexpected(message: Message): BasynError {
  return new BasynError('protocol', `The peer sent "${message.type}" where it is not allowed.`);
}
