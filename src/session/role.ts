import type { Channel } from '../link/channel.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { RunDevice } from './devices.ts';
import type { Role } from './order.ts';
import { phaseOf, type ProgressListener } from './phase.ts';
import type { PhaseCounts } from '../report.ts';
import { Source } from './source.ts';
import { Target } from './target.ts';

const roles = { source: Source, target: Target } as const;

/**
 * Plays one role in one phase. It starts reading at once, and sends nothing before `starting` resolves.
 *
 * @param starting resolves with the listener for progress.
 * @throws {BasynError} the first failure that ends the phase early.
 */
export async function playRole(
  role: Role,
  plan: Plan,
  device: RunDevice,
  channel: Channel,
  runner: JobRunner,
  starting: Promise<ProgressListener>,
): Promise<PhaseCounts> {
  const isReadFromDisk = role === 'target' || plan.phase === 'recheck';
  const phase = await phaseOf({
    plan,
    device: isReadFromDisk ? device.diskView : device.surveyView,
    output: device.handle,
    runner,
    zeros: device.created ? 'skip' : 'write',
    trace: channel.trace,
  });
  const player = new roles[role](phase, channel);
  return player.run(await starting);
}
