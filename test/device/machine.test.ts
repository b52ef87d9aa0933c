import { describe, expect, it } from 'vitest';
import {
  compareMachines,
  thisMachine,
  timeNamespaceShiftMs,
  type Machine,
} from '../../src/device/machine.ts';

const machine: Machine = {
  bootId: 'a',
  kernel: 'linux #1',
  hardware: 'h',
  wallMs: 1_800_000_000_000,
  monotonicMs: 5_000_000.25,
};
const later = (ms: number, changes: Partial<Machine> = {}): Machine => ({
  ...machine,
  wallMs: machine.wallMs + ms,
  monotonicMs: machine.monotonicMs + ms,
  ...changes,
});

describe('two peers', () => {
  it.each([
    ['a moment later', later(0.4), 'same'],
    ['minutes later', later(300_000), 'same'],
    ['from a container with its own boot ID', later(2_000, { bootId: 'b' }), 'same'],
    ['from a container with its own hardware ID', later(2_000, { bootId: 'b', hardware: '' }), 'same'],
    ['without /proc', later(2_000, { bootId: '' }), 'same'],
    ['with another kernel', later(2_000, { kernel: 'linux #2' }), 'different'],
    [
      'with another boot',
      later(2_000, { bootId: 'b', monotonicMs: machine.monotonicMs - 50_000 }),
      'different',
    ],
    [
      'with another boot at nearly the same time',
      later(2_000, { bootId: 'b', monotonicMs: machine.monotonicMs + 1_990 }),
      'different',
    ],
    [
      'from a clone that was resumed an hour later',
      later(2_000, { monotonicMs: machine.monotonicMs - 3_600_000 }),
      'different',
    ],
    [
      'from a clone with different hardware that was resumed at nearly the same time',
      later(2_000, { hardware: 'i', monotonicMs: machine.monotonicMs - 9_000 }),
      'different',
    ],
    [
      'from a clone that was resumed at nearly the same time, or after the clock was set',
      later(2_000, { monotonicMs: machine.monotonicMs - 9_000 }),
      'unknown',
    ],
    [
      'without /proc after the clock was set',
      later(2_000, { bootId: '', wallMs: machine.wallMs + 60_000 }),
      'different',
    ],
  ])('%s are distinguished or not', (_name, other, answer) => {
    expect(compareMachines(machine, other)).toBe(answer);
    expect(compareMachines(other, machine)).toBe(answer);
  });

  it('in one process are the same', () => {
    expect(compareMachines(thisMachine(), thisMachine())).toBe('same');
  });
});

describe('the shift of a time namespace', () => {
  it.each([
    ['monotonic           0         0\nboottime            0         0\n', 0],
    ['monotonic      -86400 500000000\nboottime            7         0\n', -86_399_500],
    ['', 0],
  ])('%j is %d ms', (text, shiftMs) => {
    expect(timeNamespaceShiftMs(text)).toBe(shiftMs);
  });
});
