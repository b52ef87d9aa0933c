const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** "512 bytes", "1.5 KiB", "4.0 GiB": for reading at a glance, rounded to one decimal. */
export function formatBytes(bytes: number): string {
  if (Math.round(bytes) < 1024) return formatCount(Math.round(bytes), 'byte');
  let scaled = bytes / 1024;
  let unit = 0;
  // 1023.95 would be shown as "1024.0".
  while (scaled >= 1023.95 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${scaled.toFixed(1)} ${units[unit]}`;
}

/** The exact number, and where it is long, its size at a glance: "4294967296 bytes (4.0 GiB)". */
export function formatExactBytes(bytes: number): string {
  return bytes < 1024 ? formatBytes(bytes) : `${bytes} bytes (${formatBytes(bytes)})`;
}

/** "12.5 MiB/s". */
export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** "0:07", "12:05", "1:02:03", "100:00:00". */
export function formatClock(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  const minutes = Math.floor(seconds / 60);
  const twoDigits = (value: number): string => String(value % 60).padStart(2, '0');
  if (minutes < 60) return `${minutes}:${twoDigits(seconds)}`;
  return `${Math.floor(minutes / 60)}:${twoDigits(minutes)}:${twoDigits(seconds)}`;
}

/** "12.3 s". */
export function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** Whole percent, rounded down: 100 means that everything is done. Nothing of nothing is everything. */
export function percentOf(doneBytes: number, sizeBytes: number): number {
  return sizeBytes === 0 ? 100 : Math.floor((doneBytes / sizeBytes) * 100);
}

/** "1 range", "3 ranges". */
export function formatCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Average speed. What took less than the clock can tell counts as a millisecond. */
export function bytesPerSecond(bytes: number, elapsedMs: number): number {
  return bytes / (Math.max(elapsedMs, 1) / 1000);
}
