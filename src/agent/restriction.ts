import { reachAllowed, type Place, type Reach } from '../device/device.ts';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { OpenMessage } from '../protocol/messages.ts';
import type { AgentPolicy } from '../session/agent-end.ts';

/** What a key of ssh may be used for. */
export interface Restriction {
  /** Absolute. Each is a device, a file, or a directory whose files may be used. */
  readonly allowedPaths: readonly string[];
  readonly access: 'read' | 'read and write';
}

/**
 * Allows what a restriction does.
 *
 * @param onRefusal is called with each request that is refused, and the reason.
 */
export function policyOf(restriction: Restriction, onRefusal: (reason: BasynError) => void): AgentPolicy {
  return {
    admit: (open) => {
      try {
        return admit(open, restriction);
      } catch (thrown) {
        const error = BasynError.from(thrown);
        if (error.code === 'refused') onRefusal(error);
        throw error;
      }
    },
    withheld: [
      'force',
      'snapshot-size',
      ...(restriction.access === 'read' ? (['create', 'grow'] as const) : []),
    ],
    longestPeerTimeoutMs: bounds.restrictedPeerTimeoutMs,
  };
}

function admit(open: OpenMessage, { allowedPaths, access }: Restriction): Reach {
  const place = placeOf(open);
  if (open.receiving !== null && access === 'read') {
    throw refused(place, "can't be a target: this key may only read.");
  }
  if (open.receiving?.force === true) {
    throw refused(place, 'is not opened: this key may not write to a target that is in use.');
  }
  if (open.snapshot !== undefined) {
    throw refused(place, 'is not opened: this key may not create a snapshot.');
  }
  return reachAllowed(place, allowedPaths);
}

function placeOf({ path, phases, receiving }: OpenMessage): Place {
  const isSource = phases.some((phase) => phase !== 'recheck');
  const role = receiving !== null ? 'target' : isSource ? 'source' : 'device';
  return { side: 'remote', hosts: 'two', role, path };
}

function refused({ side, role, path }: Place, what: string): BasynError {
  return new BasynError('refused', `${side} ${role} ${path} ${what}`, { side, device: path });
}
