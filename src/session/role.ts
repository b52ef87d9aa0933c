import type { Channel } from '../link/channel.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { UnreadableRanges } from '../workers/unreadable.ts';
import { diskOf, type RunDevice } from './devices.ts';
import type { Role } from './order.ts';
import { holeBytesWithin } from '../device/device.ts';
import { needsHolesOfTarget, withHoles } from './device-holes.ts';
import { phaseOf, type PhaseOutcome, type PhaseStart, type Resumption } from './phase.ts';
import { SkippingRunner, type UnreadableRangeListener } from './read-errors.ts';
import { Source } from './source.ts';
import { Target } from './target.ts';

const roles = { source: Source, target: Target } as const;

/** One phase for one side. */
export interface RolePart {
  readonly role: Role;
  readonly plan: Plan;
  readonly device: RunDevice;
  readonly channel: Channel;
  readonly runner: JobRunner;
}

/** What the caller learns during the phase. */
export interface RoleListener {
  /** Nothing is sent before it resolves. */
  readonly starting: Promise<PhaseStart>;
  /** Takes what a source can't read, if the plan lets it leave that out. */
  readonly onUnreadable: UnreadableRangeListener;
  /** Undefined where no later attempt follows. */
  readonly resumption?: Resumption | undefined;
}

/**
 * Plays one role in one phase. It starts reading at once.
 *
 * @throws {BasynError} the first failure that ends the phase early.
 */
export async function playRole(
  { role, plan, device: opened, channel, runner }: RolePart,
  { starting, onUnreadable, resumption }: RoleListener,
): Promise<PhaseOutcome> {
  const needsHoles = role === 'source' || needsHolesOfTarget(plan.phase, opened.zeros);
  const { device, notes } = needsHoles
    ? await withHoles(opened, () => channel.announceFlush())
    : { device: opened, notes: [] };
  const isReadFromDisk = role === 'target' || plan.phase === 'recheck';
  const isRead = plan.phase !== 'copy' || (role === 'source' && !plan.dryRun);
  const leavesOut = role === 'source' && plan.readErrors === 'skip';
  const unreadable = leavesOut ? new UnreadableRanges(device.handle) : undefined;
  const phase = await phaseOf({
    plan,
    device: isReadFromDisk ? device.diskView : device.surveyView,
    output: role === 'source' ? device.sendView : device.handle,
    runner: unreadable === undefined ? runner : new SkippingRunner(runner, unreadable, onUnreadable),
    ...(unreadable && { unreadable }),
    disk: diskOf(device),
    zeros: device.zeros,
    holeBytes: isRead ? holeBytesWithin(device.handle.holes, plan.sizeBytes) : 0,
    notes,
    trace: channel.trace,
    resumption,
  });
  const player = new roles[role](phase, channel);
  return player.run(await starting);
}
