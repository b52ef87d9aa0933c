/** What several rows of the table have in common. */

import { atLeast, type Check } from './check.ts';
import type { Contender } from './contender.ts';
import type { TargetState } from './images.ts';
import type { RemoteWork } from './peers.ts';

export function overSsh(state: TargetState, host: RemoteWork['host'] = 'near'): RemoteWork {
  return { image: 'medium', state, host };
}

export function timesAsFast(
  title: string,
  ours: Contender,
  peers: readonly Contender[],
  least: number,
): Check {
  const names = peers.map(({ name }) => name);
  return {
    title,
    against: peers.length === 1 ? names[0]! : `the better of ${names.join(' and ')}`,
    needs: [ours, ...peers],
    figure: (own, ...others) => Math.min(...others.map(({ medianMs }) => medianMs)) / own.medianMs,
    bound: atLeast(least),
  };
}
