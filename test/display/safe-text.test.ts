import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeJson, safeText } from '../../src/display/safe-text.ts';

describe('safeText', () => {
  it.each([
    ['/dev/sda1', '/dev/sda1'],
    ['größer, 設備, 💾', 'größer, 設備, 💾'],
    ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
    ['one\r\ntwo\tthree\0', 'one\\x0d\\x0atwo\\x09three\\x00'],
    ['\u007f\u009b2J', '\\x7f\\x9b2J'],
    ['safe\u202etxt.exe', 'safe\\u202etxt.exe'],
    ['\u2066a\u2069\u200f\u061c', '\\u2066a\\u2069\\u200f\\u061c'],
    ['line\u2028end\u2029', 'line\\u2028end\\u2029'],
  ])('%j', (text, safe) => {
    expect(safeText(text)).toBe(safe);
  });

  it('leaves no control sequence in any text', () => {
    const hostile = fc.string({
      unit: fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(hostile, (text) => {
        for (const character of safeText(text)) {
          const code = character.charCodeAt(0);
          expect(code >= 0x20 && !(code >= 0x7f && code < 0xa0)).toBe(true);
        }
      }),
    );
  });
});

describe('safeJson', () => {
  it('is JSON of the same value, on one line without control sequences', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
        const line = safeJson(value);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(safeText(line)).toBe(line);
      }),
    );
    expect(safeJson({ path: '\u009b\u202e\u001b' })).toBe('{"path":"\\u009b\\u202e\\u001b"}');
  });
});
