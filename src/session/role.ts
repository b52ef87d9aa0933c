import type { DeviceHandle, OpenedDevice } from '../device/device.ts';
import type { Channel } from '../protocol/channel.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { usingDirectAccess } from './devices.ts';
import type { Role } from './order.ts';
import { phaseOf, type ProgressListener } from './phase.ts';
import type { PhaseReport } from './report.ts';
import { Source } from './source.ts';
import { Target } from './target.ts';

const roles = { source: Source, target: Target } as const;

/**
 * Carries out one side of one phase. It begins to read at once, and to talk when `starting` resolves.
 *
 * @param starting whom to tell of progress.
 * @throws {BasynError} whatever ends the phase early.
 */
export async function playRole(
  role: Role,
  plan: Plan,
  device: OpenedDevice,
  channel: Channel,
  runner: JobRunner,
  starting: Promise<ProgressListener>,
): Promise<PhaseReport> {
  const play = async (handle: DeviceHandle): Promise<PhaseReport> => {
    const zeros = device.created ? 'skip' : 'write';
    const player = new roles[role](await phaseOf({ plan, device: handle, runner, zeros }), channel);
    return player.run(await starting);
  };
  return plan.phase === 'recheck' ? usingDirectAccess(device.handle, runner, play) : play(device.handle);
}
