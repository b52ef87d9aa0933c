import { wirings, type Wiring } from './fault-workshop.ts';
import { casesOf } from './lab-cases.ts';

/** The far device of a run over ssh is its target in a PUSH, and its source in a POP. */
const farRoleOf = ({ action }: Wiring): 'source' | 'target' => (action === 'PUSH' ? 'target' : 'source');

/**
 * For faults of one device: it is on this host, and then on the remote host. Both hosts run the same code for a role, so
 * the laboratory alone takes all wirings.
 */
function wiringsFor(role: 'source' | 'target'): readonly Wiring[] {
  return casesOf(wirings, (wiring) => (farRoleOf(wiring) === role) === (wiring.over === 'ssh'));
}

export const wiringsForSource = wiringsFor('source');
export const wiringsForTarget = wiringsFor('target');

/** For `test.each`, with a name for the title. */
export function named(some: readonly Wiring[]): (readonly [name: string, wiring: Wiring])[] {
  return some.map((wiring) => [`${wiring.action} ${wiring.over}`, wiring]);
}
