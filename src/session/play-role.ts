import type { Channel } from '../link/channel.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { Recorder } from '../state-file/recorder.ts';
import type { JobRunner } from '../workers/jobs.ts';
import { UnreadableRanges } from '../workers/unreadable.ts';
import { diskOf, type RunDevice } from './devices.ts';
import type { Role } from './order.ts';
import { holeBytesIn, holesIn } from '../device/device.ts';
import type { FactListener } from './extent-facts.ts';
import { rangesOf, wholeDevice } from './coverage.ts';
import { needsHolesOfTarget, withHoles } from './device-holes.ts';
import { geometryOfPlan, phaseOf, type PhaseOutcome, type PhaseStart, type Resumption } from './phase.ts';
import { CountingRunner } from './read-count.ts';
import { SkippingRunner, type UnreadableRangeListener } from './read-errors.ts';
import { coverageOfRole, type Selection } from './selection.ts';
import { Source } from './source.ts';
import type { StageTimes } from './stage-times.ts';
import { Target } from './target.ts';

const roles = { source: Source, target: Target } as const;

/** One phase for one side. */
export interface RolePart {
  readonly role: Role;
  readonly plan: Plan;
  /** Undefined where everything is examined. */
  readonly selection?: Selection | undefined;
  readonly device: RunDevice;
  readonly channel: Channel;
  readonly runner: JobRunner;
  /** What is known of the target. Undefined at the agent, and in a run without a state file. */
  readonly recorder?: Recorder | undefined;
}

/** What the caller learns during the phase. */
export interface RoleListener {
  /** Nothing is sent before it resolves. */
  readonly starting: Promise<PhaseStart>;
  /** Takes what a source can't read, if the plan lets it leave that out. */
  readonly onUnreadable: UnreadableRangeListener;
  /** Undefined where no later attempt follows. */
  readonly resumption?: Resumption | undefined;
  /** Takes what is found out about ranges. Undefined where nobody asked. */
  readonly facts?: FactListener | undefined;
  /** Undefined where nothing is measured. */
  readonly times?: StageTimes | undefined;
}

/**
 * Plays one role in one phase. It starts reading at once.
 *
 * @throws {BasynError} the first failure that ends the phase early.
 */
export async function playRole(
  { role, plan, selection, device: opened, channel, runner, recorder }: RolePart,
  { starting, onUnreadable, resumption, facts, times }: RoleListener,
): Promise<PhaseOutcome> {
  const needsHoles = role === 'source' || needsHolesOfTarget(plan.phase, opened.zeros);
  const { device, notes } = needsHoles
    ? await withHoles(opened, () => channel.announceFlush())
    : { device: opened, notes: [] };
  const isReadFromDisk = role === 'target' || plan.phase === 'recheck';
  const isRead = plan.phase !== 'copy' || (role === 'source' && !plan.dryRun);
  const leavesOut = role === 'source' && plan.readErrors === 'skip';
  const unreadable = leavesOut ? new UnreadableRanges(device.handle) : undefined;
  const isPartly = plan.covered === true || plan.recorded === true;
  const counting = isPartly ? new CountingRunner(runner) : undefined;
  const reading = counting ?? runner;
  const geometry = geometryOfPlan(plan);
  const coverage = selection === undefined ? wholeDevice(geometry) : coverageOfRole(selection, role);
  const examined = rangesOf(coverage, geometry, Infinity);
  const phase = await phaseOf(
    {
      plan,
      device: isReadFromDisk ? device.diskView : device.surveyView,
      output: role === 'source' ? device.sendView : device.handle,
      runner: unreadable === undefined ? reading : new SkippingRunner(reading, unreadable, onUnreadable),
      ...(counting && { readBytes: () => counting.readBytes }),
      ...(unreadable && { unreadable }),
      disk: diskOf(device),
      cacheRelease: device.cacheRelease,
      zeros: device.zeros,
      holeBytes: isRead ? holeBytesIn(device.handle.holes, examined) : 0,
      notes,
      trace: channel.trace,
      record: recorder,
      resumption,
      facts,
      times,
    },
    selection,
  );
  const player = new roles[role](phase, channel);
  const start = await starting;
  if (role === 'source' && isRead && facts !== undefined) {
    facts('zero', [...holesIn(device.handle.holes, rangesOf(phase.coverage, geometry, Infinity))]);
  }
  return player.run(start);
}
