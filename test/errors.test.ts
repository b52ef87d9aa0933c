import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { BasynError } from '../src/errors.ts';

it('is printed with its own name, and only with the known fields', () => {
  const error = new BasynError(
    'device',
    'It broke.',
    { side: 'local', offsetBytes: 4096 },
    { cause: undefined },
  );
  expect(error.name).toBe('BasynError');
  expect(String(error)).toBe('BasynError: It broke.');
  expect(error.stack).toMatch(/^BasynError: It broke\.\n/);
  expect(Object.keys(error)).toEqual(['code', 'side', 'offsetBytes']);
  expect(inspect(error)).not.toMatch(/undefined|name:|cause/);
  expect(inspect(new BasynError('usage', 'Wrong.'))).not.toMatch(/side|device|offsetBytes/);
});

it('keeps a cause', () => {
  expect(new BasynError('internal', 'It broke.', {}, { cause: null }).cause).toBeNull();
});
