import { bounds } from '../limits.ts';
import type { OptionEntry, OptionValue } from './entry.ts';

/**
 * What is wrong with the value that a caller of the library gave for an option, as the part of a sentence that follows its
 * name: "must be a whole number from 0 to 9, not NaN". Undefined if nothing is. `host` and `user` are looked at in
 * host-rules.ts, beyond their being text.
 */
export function problemWith({ value, repeatable }: OptionEntry, given: unknown): string | undefined {
  if (repeatable === undefined) return problemWithOne(value, given);
  if (!Array.isArray(given)) return `must be an array, not ${shown(given)}`;
  // Array.from also visits the holes of a sparse array.
  const problems = Array.from(given, (item: unknown) => problemWithOne(value, item));
  const index = problems.findIndex((problem) => problem !== undefined);
  return index < 0 ? undefined : `the element at index ${index}: ${problems[index]}`;
}

function problemWithOne(value: OptionValue, given: unknown): string | undefined {
  switch (value.type) {
    case 'flag':
      return typeof given === 'boolean' ? undefined : `must be true or false, not ${shown(given)}`;
    case 'choice':
      return problemWithChoice(Object.values(value.choices), given);
    case 'integer':
      return problemWithNumber(value.least, value.most, given);
    case 'optional size':
      return typeof given === 'boolean'
        ? undefined
        : problemWithNumber(value.leastBytes, value.mostBytes, given, 'true, false or ');
    case 'size':
    case 'rate':
      return problemWithNumber(value.leastBytes, value.mostBytes, given);
    case 'duration':
      return problemWithNumber(value.leastMs, value.mostMs, given);
    case 'path':
      return problemWithPath(given);
    case 'host':
    case 'user':
    case 'text':
      return problemWithText(given);
  }
}

function problemWithChoice(values: readonly string[], given: unknown): string | undefined {
  if (values.some((value) => value === given)) return undefined;
  return `unknown name ${shown(given)}; known are ${[...new Set(values)].join(', ')}`;
}

function problemWithNumber(least: number, most: number, given: unknown, others = ''): string | undefined {
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= least && given <= most) {
    return undefined;
  }
  return `must be ${others}a whole number from ${least} to ${most}, not ${shown(given)}`;
}

function problemWithPath(given: unknown): string | undefined {
  if (typeof given !== 'string') return `must be a string, not ${shown(given)}`;
  if (given === '') return 'the path is empty';
  if (given.includes('\0')) return 'the path holds a NUL character';
  // Node puts U+FFFD in place of bytes that are not UTF-8, and writes a lone surrogate as U+FFFD.
  if (given.includes('\uFFFD') || loneSurrogate.test(given)) {
    return 'the path is not valid UTF-8; name the device by a link that is';
  }
  if (Buffer.byteLength(given) > bounds.maxPathBytes) {
    return `the path is longer than ${bounds.maxPathBytes} bytes`;
  }
  return undefined;
}

function problemWithText(given: unknown): string | undefined {
  if (typeof given !== 'string') return `must be a string, not ${shown(given)}`;
  if (given === '') return 'is empty';
  // It becomes an argument of ssh, which ends at the first NUL.
  if (given.includes('\0')) return 'holds a NUL character';
  if (loneSurrogate.test(given)) return 'is not valid Unicode';
  return undefined;
}

const loneSurrogate = /\p{Surrogate}/u;

/** A value of any type, for a message. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const text = JSON.stringify(value);
      return text.length > bounds.quotedValueCharacters
        ? `${text.slice(0, bounds.quotedValueCharacters)}…`
        : text;
    }
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return 'a bigint';
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? 'an array' : 'an object';
  }
}
