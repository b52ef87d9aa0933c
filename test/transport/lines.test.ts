import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LineReader } from '../../src/transport/lines.ts';

test.each([
  ['a newline', ['one\ntwo\n']],
  ['a carriage return and a newline', ['one\r\ntwo\r\n']],
  ['a carriage return, as progress displays write', ['one\rtwo\r']],
  ['the end of the stream', ['one\ntwo']],
  ['pieces that end anywhere', ['o', 'ne\nt', 'wo', '\n']],
  ['empty lines between them', ['one\n\n  \n\ntwo\n']],
])('a line ends with %s', async (_, pieces) => {
  expect((await readerOf(...pieces)).tail).toEqual(['one', 'two']);
});

test('a character that is divided between two chunks is read correctly', async () => {
  const bytes = Buffer.from('größe\n');
  expect((await readerOf(bytes.subarray(0, 3), bytes.subarray(3))).tail).toEqual(['größe']);
});

test('the last 60 lines are kept', async () => {
  const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
  expect((await readerOf(`${lines.join('\n')}\n`)).tail).toEqual(lines.slice(40));
});

test.each([
  ['in one piece', ['x'.repeat(10_000), '\n']],
  ['in many pieces', Array.from({ length: 10_000 }, () => 'x')],
])('the first 4096 characters of a line are kept, %s', async (_, pieces) => {
  expect((await readerOf(...pieces)).tail).toEqual(['x'.repeat(4096)]);
});

test('a follower gets the retained lines, then each new one', async () => {
  const stream = new PassThrough();
  const reader = new LineReader(stream);
  stream.write('one\ntwo\nthr');
  await turn();
  const lines: string[] = [];
  reader.follow((line) => lines.push(line));
  expect(lines).toEqual(['one', 'two']);
  stream.write('ee\n');
  await turn();
  expect(lines).toEqual(['one', 'two', 'three']);
});

test('the failure of a stream ends its last line', async () => {
  const stream = new PassThrough();
  const reader = new LineReader(stream);
  stream.write('the reason');
  await turn();
  stream.destroy(new Error('read ECONNRESET'));
  await turn();
  expect(reader.tail).toEqual(['the reason']);
});

/** A reader of a stream that has ended. */
async function readerOf(...pieces: (string | Uint8Array)[]): Promise<LineReader> {
  const stream = new PassThrough();
  const reader = new LineReader(stream);
  for (const piece of pieces) stream.write(piece);
  stream.end();
  await new Promise((resolve) => stream.once('end', resolve));
  return reader;
}
