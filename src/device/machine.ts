import { readFileSync } from 'node:fs';
import { hostname, version } from 'node:os';

/**
 * What tells one running kernel from another. No fact alone is enough: each container may have its own boot ID, and
 * virtual machines that were cloned from one memory image share theirs.
 */
export interface Machine {
  /** The kernel's number of this boot, or what a container shows in its place; '' where /proc is missing. */
  readonly bootId: string;
  /** The build of the kernel. Its release is no fact: a process may ask for an older one. */
  readonly kernel: string;
  /** The serial number of the hardware, where it may be read, or ''. A container may show one of its own. */
  readonly hardware: string;
  /** The wall clock, in milliseconds, when the other facts were collected. */
  readonly wallMs: number;
  /** The kernel's monotonic clock at the same moment, in milliseconds, as the first time namespace has it. */
  readonly monotonicMs: number;
}

/** Both sides look at their clocks within one opening of a connection, at which somebody may type a password. */
const maxApartMs = 600_000;

/**
 * All containers of one kernel have its two clocks, whose difference is constant: it is the wall time of the boot. It
 * is read to a millisecond on each side. Another machine's is the same by an accident of one in a thousand, if it was
 * started in the same second.
 */
const maxClockErrorMs = 2;

/** Whether two ends run under one kernel. `unknown`: the facts contradict each other. */
export function compareMachines(a: Machine, b: Machine): 'same' | 'different' | 'unknown' {
  if (a.kernel !== b.kernel) return 'different';
  const monotonicApartMs = b.monotonicMs - a.monotonicMs;
  if (Math.abs(monotonicApartMs) > maxApartMs) return 'different';
  const clockErrorMs = Math.abs(b.wallMs - a.wallMs - monotonicApartMs);
  if (clockErrorMs <= maxClockErrorMs) return 'same';
  if (a.bootId !== b.bootId || a.bootId === '') return 'different';
  // Either the wall clock was set meanwhile, or one is a clone of the other.
  return a.hardware === b.hardware ? 'unknown' : 'different';
}

const maxTextCharacters = 256;

let constantFacts: Pick<Machine, 'bootId' | 'kernel' | 'hardware'> | undefined;
let shiftMs: number | undefined;

/** The facts of this machine, now. */
export function thisMachine(): Machine {
  constantFacts ??= {
    bootId: readIfThere('/proc/sys/kernel/random/boot_id') || nameElsewhere(),
    kernel: `${process.platform} ${version()}`.slice(0, maxTextCharacters),
    hardware: readIfThere('/sys/class/dmi/id/product_uuid'),
  };
  shiftMs ??= timeNamespaceShiftMs(readIfThere('/proc/self/timens_offsets'));
  return {
    ...constantFacts,
    wallMs: Date.now(),
    monotonicMs: Number(process.hrtime.bigint()) / 1e6 - shiftMs,
  };
}

/** Only Linux has a boot ID; elsewhere the host's name must do. */
function nameElsewhere(): string {
  return process.platform === 'linux' ? '' : hostname().slice(0, maxTextCharacters);
}

/** A container may have its own monotonic clock, by so much ahead of the kernel's: "monotonic 86400 500". */
export function timeNamespaceShiftMs(offsets: string): number {
  const [, seconds, nanoseconds] = /^monotonic\s+(-?\d+)\s+(-?\d+)/m.exec(offsets) ?? [];
  return Number(seconds ?? 0) * 1000 + Number(nanoseconds ?? 0) / 1e6;
}

/** What can't be read is one fact less, and {@link compareMachines} goes by the others. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim().slice(0, maxTextCharacters);
  } catch {
    return '';
  }
}
