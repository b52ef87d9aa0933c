import type { Extent } from '../digest/extent.ts';
import type { Geometry } from '../digest/geometry.ts';
import type { Plan } from '../protocol/schemas.ts';
import type { JobRunner } from '../workers/jobs.ts';
import type { Continuity } from './continuity.ts';
import { sendCovers } from './covers.ts';
import { changesSinceBase, type BaseUse } from './source-base.ts';
import type { Recorder } from '../state-file/recorder.ts';
import type { PhaseCounts, PhaseName } from '../report.ts';
import type { RunDevice } from './devices.ts';
import { distrustRecord, selectionWith } from './recording.ts';
import { planOf, remoteRoleOf } from './order.ts';
import { unionOf } from './run-collector.ts';
import { geometryOfPlan, startBytesOf, type PhaseOutcome } from './phase.ts';
import { playRole, type RoleListener } from './play-role.ts';
import { examinedBytesBefore, gapsOf } from './coverage.ts';
import { coverageOfRole, partOf, type Selection } from './selection.ts';

/** What the local end needs for the phases of a session. */
export interface PhasesEnd extends BaseUse {
  readonly runner: JobRunner;
  /** What this attempt has in common with the others. Undefined where a run has one attempt only. */
  readonly continuity?: Continuity | undefined;
}

/** What is known when both devices are open. */
interface OpenDevices {
  /** Whether zeros may be left out of a copy. */
  readonly omitZeros?: boolean | undefined;
  /** Bytes of the target from here on are new. */
  readonly newFromBytes?: number | undefined;
  /** Whether a source that is the agent can report ranges. */
  readonly reportsRanges?: boolean | undefined;
}

/**
 * Plays the local role in each phase that is left.
 *
 * @param opening resolves when both devices are open. A local source starts reading before that.
 */
export async function runPhases(
  end: PhasesEnd,
  device: RunDevice,
  sizeBytes: number,
  opening: Promise<OpenDevices>,
): Promise<void> {
  const { order, reporter, continuity, recorder } = end;
  for (const name of continuity?.phasesLeft(order.phases) ?? order.phases) {
    const phase: PhaseToRun = { name, sizeBytes, opening };
    let counts = await runPhase(end, device, phase);
    if (recorder !== undefined && recorder.mistakes > 0 && name !== 'recheck') {
      reporter.phaseEnd(counts);
      reporter.warn([await distrustRecord(recorder)]);
      continuity?.beginPhaseAgain();
      counts = await runPhase(end, device, phase);
    }
    reporter.phaseEnd(continuity?.phaseEnded(counts) ?? counts);
  }
}

interface PhaseToRun {
  readonly name: PhaseName;
  readonly sizeBytes: number;
  readonly opening: Promise<OpenDevices>;
}

async function runPhase(
  end: PhasesEnd,
  device: RunDevice,
  { name, sizeBytes, opening }: PhaseToRun,
): Promise<PhaseCounts> {
  const { order, channel, reporter, continuity, recorder } = end;
  const { localRole } = order;
  // What the state file knows is decided when both devices are open.
  if (recorder !== undefined) await opening;
  const whole = planOf(order, name, sizeBytes, channel.speed.roundTripMs);
  const listed = await selectionFor(end, device, whole, opening);
  const selection = withRecord(end, listed, whole);
  const continued = continuity?.continued(whole) ?? whole;
  const facts = reporter.extents.listenerFor(name);
  const asksForRanges =
    facts !== undefined && localRole === 'target' && (await opening).reportsRanges === true;
  // A local source learns later whether zeros may be left out.
  const omitsZeros = localRole === 'target' && device.zeros === 'skip';
  const plan: Plan = {
    ...continued,
    ...(omitsZeros && { omitZeros: true }),
    ...(recorder !== undefined && name !== 'recheck' && { recorded: true }),
    ...(asksForRanges && { reportRanges: true }),
  };
  const starting = opening.then(({ omitZeros }) => {
    const part = partOf(listed && selection, geometryOfPlan(plan));
    const onProgress = reporter.phaseStart(name, sizeBytes, part);
    if (selection !== undefined) facts?.('not read', unreadRanges(selection, plan));
    return { onProgress, omitZeros: omitZeros === true };
  });
  // The role awaits this later. Until then, a refusal must not count as an unhandled rejection.
  starting.catch(() => undefined);
  const onUnreadable = (range: Extent): void => {
    reporter.unreadable(name, range);
    facts?.('unreadable', [range]);
  };
  const { counts, notes } = await play(
    end,
    device,
    { plan, selection, recorder },
    {
      starting,
      onUnreadable,
      resumption: continuity,
      facts,
      times: reporter.clock.stages,
    },
  );
  reporter.note(notes);
  // A source that is the agent lists them at the end.
  if (localRole === 'target') counts.unreadableRanges?.forEach(onUnreadable);
  return counts;
}

/** What neither side reads, of what this attempt covers. */
function unreadRanges({ coverage }: Selection, plan: Plan): Extent[] {
  return [...gapsOf(coverage, geometryOfPlan(plan), startBytesOf({ plan }))];
}

/** Adds what the state file does not know, and spares the target the rest. */
function withRecord(
  { order, recorder }: PhasesEnd,
  selection: Selection | undefined,
  plan: Plan,
): Selection | undefined {
  if (recorder === undefined || plan.phase !== 'sync') return selection;
  return selectionWith(recorder, selection, order.localRole, geometryOfPlan(plan));
}

interface WorkOfPhase {
  readonly plan: Plan;
  readonly selection: Selection | undefined;
  readonly recorder: Recorder | undefined;
}

/** Tells the agent what the phase is, and plays it. */
function play(
  { order, channel, runner }: PhasesEnd,
  device: RunDevice,
  { plan, selection, recorder }: WorkOfPhase,
  listener: RoleListener,
): Promise<PhaseOutcome> {
  const covered = selection !== undefined && { covered: true as const };
  if (selection !== undefined) sendCovers(channel, coverageOfRole(selection, remoteRoleOf(order)));
  channel.send({ type: 'begin', ...plan, ...covered });
  return playRole({ role: order.localRole, plan, selection, device, channel, runner, recorder }, listener);
}

/** Undefined where the phase examines everything. */
async function selectionFor(
  end: PhasesEnd,
  device: RunDevice,
  plan: Plan,
  opening: Promise<OpenDevices>,
): Promise<Selection | undefined> {
  const { order, continuity, select } = end;
  if (select === undefined) {
    return plan.phase === 'sync' ? selectionSinceBase(end, device, geometryOfPlan(plan)) : undefined;
  }
  const { newFromBytes } = await opening;
  const targetSide = order.localRole === 'target' ? 'local' : 'remote';
  const selection = await select({
    phase: plan.phase,
    geometry: geometryOfPlan(plan),
    newFromBytes: continuity === undefined ? newFromBytes : continuity.newFromBytes(targetSide),
    mayHaveMoreNew: (order.create || order.grow) && continuity?.mayHaveMoreNew(targetSide) === true,
  });
  const probe = selection?.probe;
  if (probe === undefined) return selection;
  const { counts } = await play(
    end,
    device,
    { plan: probeOf(plan), selection: { coverage: probe.coverage }, recorder: undefined },
    quietly,
  );
  const judged = probe.judge(counts);
  if (!counts.unreadableBytes) return judged;
  // What the probe could not read is for the phase to report.
  return { ...judged, coverage: unionOf(geometryOfPlan(plan), [judged.coverage, probe.coverage]) };
}

async function selectionSinceBase(
  end: PhasesEnd,
  device: RunDevice,
  geometry: Geometry,
): Promise<Selection | undefined> {
  const coverage = await changesSinceBase(end, device, geometry);
  if (coverage === undefined) return undefined;
  const listedBytes = examinedBytesBefore(coverage, geometry, geometry.sizeBytes);
  return { coverage, changeList: { listedBytes, sampledBytes: 0 } };
}

/** A probe compares as the phase does, and writes nothing. It is no phase of its own for the user. */
function probeOf({ countDiffering: _count, ...plan }: Plan): Plan {
  return { ...plan, dryRun: true };
}

const quietly: RoleListener = {
  starting: Promise.resolve({ onProgress: () => undefined, omitZeros: false }),
  onUnreadable: () => undefined,
};
