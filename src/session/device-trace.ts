import { nameOf } from '../device/device.ts';
import type { Trace } from '../trace.ts';
import type { RunDevice } from './devices.ts';

/** Traces how reads of a device of this side that look for the disk are done. */
export function traceDevice(trace: Trace | undefined, { handle, diskView, cachedBecause }: RunDevice): void {
  const how = diskView.access === 'direct' ? 'past the page cache (O_DIRECT)' : 'through the page cache';
  const reason = cachedBecause === undefined ? '' : `: ${cachedBecause}`;
  trace?.(`decision: ${nameOf(handle)} is read ${how}${reason}`);
}
