import type { Order } from '../session/order.ts';
import { RunSnapshots } from '../session/run-snapshots.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** Of a local source. This process keeps it between the attempts. The agent takes its own. */
export function snapshotsOf(
  { localRole, snapshot }: Order,
  { retries }: RetryPolicy,
): RunSnapshots | undefined {
  if (localRole !== 'source' || snapshot === undefined) return undefined;
  return new RunSnapshots({
    sizeBytes: snapshot.sizeBytes,
    runToken: undefined,
    mayContinue: ({ retryable }) => retries > 0 && retryable === true,
  });
}
