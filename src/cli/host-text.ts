import type { RunEvent, RuntimeReport } from '../report.ts';
import { formatBytes, formatSeconds } from '../display/format.ts';

/** What is sent to a host without node, and that it was sent. */
export function describeRuntime(event: Extract<RunEvent, { type: 'runtime-start' | 'runtime-end' }>): string {
  return event.type === 'runtime-start' ? describeStart(event) : describeEnd(event);
}

/** "the host has no node: node 20.20.2 (87.4 MiB) is sent, into its memory". */
function describeStart({ name, sizeBytes, storage, path }: RuntimeReport): string {
  const what = `the host has no node: ${name} (${formatBytes(sizeBytes)})`;
  switch (storage) {
    case 'memory':
      return `${what} is sent, into its memory (${path})`;
    case 'disk':
      return `${what} is sent, onto its disk (${path})`;
    case 'kept':
      return `${what} is sent, and kept in the cache of the user`;
    case 'found':
      return `${what} is in the cache of the user (${path})`;
  }
}

/** "node 20.20.2: sent, 37.1 MiB in 1.9 s". */
function describeEnd({ name, sentBytes, elapsedMs }: Extract<RunEvent, { type: 'runtime-end' }>): string {
  return `${name}: sent, ${formatBytes(sentBytes)} in ${formatSeconds(elapsedMs)}`;
}

/** "The link has failed: … Attempt 2 begins in 1.0 s, and continues sync at offset 4096." */
export function describeAttempt(event: Extract<RunEvent, { type: 'attempt' }>): string {
  const { attempt, reason, waitMs, phase, fromBytes = 0 } = event;
  const place = phase === undefined ? '' : `, and continues ${phase} at offset ${fromBytes}`;
  return `${reason} Attempt ${attempt} begins in ${formatSeconds(waitMs)}${place}.`;
}
