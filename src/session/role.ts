import type { Channel } from '../link/channel.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { UnreadableRanges } from '../workers/unreadable.ts';
import type { RunDevice } from './devices.ts';
import type { Role } from './order.ts';
import { phaseOf, type ProgressListener } from './phase.ts';
import { SkippingRunner, type UnreadableRangeListener } from './read-errors.ts';
import type { PhaseCounts } from '../report.ts';
import { Source } from './source.ts';
import { Target } from './target.ts';

const roles = { source: Source, target: Target } as const;

/**
 * Plays one role in one phase. It starts reading at once, and sends nothing before `starting` resolves.
 *
 * @param starting resolves with the listener for progress.
 * @param onUnreadable takes what a source can't read, if the plan lets it leave that out.
 * @throws {BasynError} the first failure that ends the phase early.
 */
export async function playRole(
  role: Role,
  plan: Plan,
  device: RunDevice,
  channel: Channel,
  runner: JobRunner,
  starting: Promise<ProgressListener>,
  onUnreadable: UnreadableRangeListener,
): Promise<PhaseCounts> {
  const isReadFromDisk = role === 'target' || plan.phase === 'recheck';
  const leavesOut = role === 'source' && plan.readErrors === 'skip';
  const unreadable = leavesOut ? new UnreadableRanges(device.handle) : undefined;
  const phase = await phaseOf({
    plan,
    device: isReadFromDisk ? device.diskView : device.handle,
    output: device.handle,
    runner: unreadable === undefined ? runner : new SkippingRunner(runner, unreadable, onUnreadable),
    ...(unreadable && { unreadable }),
    zeros: device.created ? 'skip' : 'write',
    trace: channel.trace,
  });
  const player = new roles[role](phase, channel);
  return player.run(await starting);
}
