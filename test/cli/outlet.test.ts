import { describe, expect, it } from 'vitest';
import { Outlet } from '../../src/cli/outlet.ts';
import { bounds } from '../../src/limits.ts';
import { FakeStream } from './output.fixture.ts';

function outletTo(stream: FakeStream): Outlet {
  return new Outlet(
    () => stream,
    (count) => `(${count} dropped)\n`,
  );
}

/** An outlet whose reader has read the first text and nothing since. */
function stalled() {
  const stream = new FakeStream();
  const outlet = outletTo(stream);
  stream.pause();
  outlet.put('kept', () => 'first\n');
  return { stream, outlet };
}

describe('a reader that is too slow', () => {
  it('gets all output that is kept, and the number of dropped lines in place of those', () => {
    const { stream, outlet } = stalled();
    const line = `${'x'.repeat(999)}\n`;
    const lineCount = 10_000;
    for (let index = 0; index < lineCount; index++) outlet.put('droppable', () => line);
    outlet.put('kept', () => 'result\n');
    stream.resume();
    const queuedCount = stream.lines.filter((text) => text === line.trimEnd()).length;
    expect(queuedCount * line.length).toBeLessThan(bounds.queuedOutputCharacters + 2 * line.length);
    expect(stream.lines[0]).toBe('first');
    expect(stream.lines.slice(-2)).toEqual([`(${lineCount - queuedCount} dropped)`, 'result']);
  });

  it('costs no work for output that is dropped', () => {
    const { outlet } = stalled();
    outlet.put('kept', () => 'x'.repeat(bounds.queuedOutputCharacters + 1));
    outlet.put('droppable', () => expect.fail('it was made'));
  });

  it('gets only the latest of several lines that replace each other', () => {
    const { stream, outlet } = stalled();
    outlet.put('latest', () => '1 %\n');
    outlet.put('kept', () => 'a warning\n');
    outlet.put('latest', () => '2 %\n');
    outlet.put('latest', () => '3 %\n');
    stream.resume();
    expect(stream.lines).toEqual(['first', 'a warning', '3 %']);
  });

  it('gets a new count after it has caught up', () => {
    const { stream, outlet } = stalled();
    const full = 'x'.repeat(bounds.queuedOutputCharacters);
    outlet.put('kept', () => `${full}\n`);
    outlet.put('droppable', () => 'a');
    outlet.put('droppable', () => 'b');
    stream.resume();
    outlet.put('droppable', () => 'taken\n');
    expect(stream.lines).toEqual(['first', full, '(2 dropped)', 'taken']);
  });

  it('is waited for until it has read everything', async () => {
    const { stream, outlet } = stalled();
    let isIdle = false;
    const idle = outlet.idle().then(() => (isIdle = true));
    await new Promise(setImmediate);
    expect(isIdle).toBe(false);
    stream.resume();
    await idle;
  });
});

it('a long queue for a reader that keeps up needs no deep stack', () => {
  const stream = new FakeStream();
  const outlet = outletTo(stream);
  for (let index = 0; index < 100_000; index++) outlet.put('droppable', () => `${index}\n`);
  expect(stream.lines).toHaveLength(100_000);
});
