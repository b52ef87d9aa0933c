import { readFileSync } from 'node:fs';
import { hostname, version } from 'node:os';
import { bounds } from '../limits.ts';

/**
 * Facts that distinguish one running kernel from another. No single fact is enough: each container may show its own boot
 * ID, and virtual machines that were cloned from one memory image share one.
 */
export interface Machine {
  /** The boot ID of the kernel, or the one that a container shows instead; '' without /proc. */
  readonly bootId: string;
  /** The build of the kernel. Its release is not reliable: a process can request an older one (`uname26`). */
  readonly kernel: string;
  /** The serial number of the hardware, or '' without permission to read it. A container may show its own. */
  readonly hardware: string;
  /** The wall clock, in milliseconds, when the other facts were collected. */
  readonly wallMs: number;
  /** The monotonic clock of the kernel at the same moment, in milliseconds, in the initial time namespace. */
  readonly monotonicMs: number;
}

/** Whether both ends run under the same kernel. `unknown`: the facts contradict each other. */
export function compareMachines(a: Machine, b: Machine): 'same' | 'different' | 'unknown' {
  if (a.kernel !== b.kernel) return 'different';
  const monotonicApartMs = b.monotonicMs - a.monotonicMs;
  if (Math.abs(monotonicApartMs) > bounds.clockReadingsApartMs) return 'different';
  const clockErrorMs = Math.abs(b.wallMs - a.wallMs - monotonicApartMs);
  if (clockErrorMs <= bounds.clockErrorMs) return 'same';
  if (a.bootId !== b.bootId || a.bootId === '') return 'different';
  // Either the wall clock was set between the two readings, or one host is a clone of the other.
  return a.hardware === b.hardware ? 'unknown' : 'different';
}

let constantFacts: Pick<Machine, 'bootId' | 'kernel' | 'hardware'> | undefined;
let shiftMs: number | undefined;

/** The current facts of this host. */
export function thisMachine(): Machine {
  constantFacts ??= {
    bootId: readIfThere('/proc/sys/kernel/random/boot_id') || nameElsewhere(),
    kernel: `${process.platform} ${version()}`.slice(0, bounds.maxIdentityTextCharacters),
    hardware: readIfThere('/sys/class/dmi/id/product_uuid'),
  };
  shiftMs ??= timeNamespaceShiftMs(readIfThere('/proc/self/timens_offsets'));
  const { wallMs, monotonicMs } = readClocks();
  return { ...constantFacts, wallMs, monotonicMs: monotonicMs - shiftMs };
}

/**
 * Both clocks at one moment. On a busy machine, other programs may run between two readings, and the clocks would seem to
 * belong to another kernel. So they are read again until the readings are close together.
 */
function readClocks(): { readonly wallMs: number; readonly monotonicMs: number } {
  let best = { wallMs: 0, monotonicMs: 0, apartMs: Infinity };
  for (let count = 0; count < bounds.clockReadings && best.apartMs > bounds.clocksApartMs; count++) {
    const beforeMs = Number(process.hrtime.bigint()) / 1e6;
    const wallMs = Date.now();
    const apartMs = Number(process.hrtime.bigint()) / 1e6 - beforeMs;
    if (apartMs < best.apartMs) best = { wallMs, monotonicMs: beforeMs + apartMs / 2, apartMs };
  }
  return best;
}

/** Only Linux has a boot ID. Other systems use the name of the host. */
function nameElsewhere(): string {
  return process.platform === 'linux' ? '' : hostname().slice(0, bounds.maxIdentityTextCharacters);
}

/** The offset of the monotonic clock of a time namespace from that of the kernel: "monotonic 86400 500". */
export function timeNamespaceShiftMs(offsets: string): number {
  const [, seconds, nanoseconds] = /^monotonic\s+(-?\d+)\s+(-?\d+)/m.exec(offsets) ?? [];
  return Number(seconds ?? 0) * 1000 + Number(nanoseconds ?? 0) / 1e6;
}

/** An unreadable file is a missing fact. {@link compareMachines} then uses the others. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim().slice(0, bounds.maxIdentityTextCharacters);
  } catch {
    return '';
  }
}
