import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { abortOnSignals } from '../../src/cli/signals.ts';
import { BasynError } from '../../src/errors.ts';

function listen() {
  const source = new EventEmitter();
  const world = { nowMs: 1_000_000, exits: 0 };
  const signal = abortOnSignals(
    source,
    () => world.nowMs,
    () => (world.exits += 1),
  );
  return { source, world, signal };
}

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s aborts, and the reason names it', (name) => {
    const { source, world, signal } = listen();
    expect(signal.aborted).toBe(false);
    source.emit(name);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(BasynError);
    expect(signal.reason).toMatchObject({ code: 'aborted', message: `Stopped by ${name}` });
    expect(world.exits).toBe(0);
  });

  it('a second signal exits at once', () => {
    const { source, world } = listen();
    source.emit('SIGINT');
    world.nowMs += 1000;
    source.emit('SIGTERM');
    expect(world.exits).toBe(1);
  });

  it('an echo of the same signal, forwarded by npm, does not count as a second one', () => {
    const { source, world } = listen();
    source.emit('SIGINT');
    world.nowMs += 50;
    source.emit('SIGINT');
    expect(world.exits).toBe(0);
  });
});
