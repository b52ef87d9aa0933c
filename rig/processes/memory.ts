import { readFileSync } from 'node:fs';
import { descendants } from './processes.ts';

/** The peak memory of one process of a tree. */
export interface ProcessPeak {
  readonly pid: number;
  readonly name: string;
  readonly peakRssBytes: number;
}

export interface MemoryWatch {
  /** Ends the watch and returns a peak for each process that was seen, the largest first. */
  stop(): ProcessPeak[];
}

/**
 * Watches the peak memory of a process and all its descendants. The kernel keeps the high-water mark, so only
 * what grows in the last interval before a process ends is missed.
 */
export function watchMemory(pid: number, intervalMs = 50): MemoryWatch {
  const peaks = new Map<string, ProcessPeak>();
  const sample = (): void => {
    for (const { pid: each, startTicks, name } of descendants(pid)) note(`${each}:${startTicks}`, each, name);
    note(`${pid}`, pid, 'the command itself');
  };
  const note = (key: string, each: number, name: string): void => {
    const peakRssBytes = Math.max(readPeakRssBytes(each) ?? 0, peaks.get(key)?.peakRssBytes ?? 0);
    if (peakRssBytes > 0) peaks.set(key, { pid: each, name, peakRssBytes });
  };
  sample();
  const timer = setInterval(sample, intervalMs);
  return {
    stop() {
      clearInterval(timer);
      sample();
      return [...peaks.values()].sort((a, b) => b.peakRssBytes - a.peakRssBytes);
    },
  };
}

function readPeakRssBytes(pid: number): number | undefined {
  try {
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
