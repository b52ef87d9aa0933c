import type { Side } from '../errors.ts';
import { tuning } from '../limits.ts';
import {
  closedAfter,
  openDevice,
  targetRequestOf,
  usingDevice,
  type DeviceUse,
  type TargetRequest,
  type RunDevice,
} from '../session/devices.ts';
import { pageCacheOf, type Order, type Role } from '../session/order.ts';
import type { DeviceReport, PhaseName } from '../report.ts';
import type { Geometry } from '../digest/geometry.ts';
import { gapsOf } from '../session/coverage.ts';
import { partOf, type Selection } from '../session/selection.ts';
import type { JobRunner, SameHostJob } from '../workers/jobs.ts';
import { traceDevice } from '../session/device-trace.ts';
import { accessPathOf, deviceReportOf, readPathOf } from '../session/run-reporter.ts';
import { geometryOfPlan } from '../session/phase.ts';
import { RunSnapshots } from '../session/run-snapshots.ts';
import { coveredBytes } from '../session/sizes.ts';
import { SameHostPhase, type SameHostRun } from './phase.ts';

/**
 * The whole run where both devices are on this host. Threads read both devices and compare the bytes themselves. This is
 * exact, and faster than any hash.
 *
 * @throws {BasynError} the first failure on either side.
 */
export async function runOnSameHost(run: SameHostRun): Promise<void> {
  const { order, reporter } = run;
  const names = deviceNamesOf(order);
  const open = (role: Role, targetRequest: TargetRequest | null): Promise<RunDevice> => {
    const { path, side } = names[role];
    const snapshots = role === 'source' ? snapshotsOf(order) : undefined;
    return openDevice(path, { side, hosts: 'one' }, { ...useOf(order, targetRequest), snapshots }, () =>
      reporter.flushing(side),
    );
  };
  const opened = await open('source', null);
  const runner = await run.startRunner(opened.handle.sizeBytes).catch(async (error: unknown) => {
    throw await closedAfter(opened, error);
  });
  await usingDevice(opened, runner, async (source) => {
    const targetRequest = targetRequestOf(order, source.handle.sizeBytes, source.identity);
    await usingDevice(await open('target', targetRequest), runner, async (target) => {
      traceDevice(run.trace, source);
      traceDevice(run.trace, target);
      reporter.warn([...source.warnings, ...target.warnings]);
      reporter.start(deviceReportOf(source.handle), deviceReportOf(target.handle), {
        source: readPathOf(source),
        survey: accessPathOf(source.surveyView),
        sent: accessPathOf(source.sendView),
        target: readPathOf(target),
      });
      reporter.note([...source.notes, ...target.notes]);
      const sizeBytes = coveredBytes(order, {
        sourceBytes: source.handle.sizeBytes,
        targetBytes: target.handle.sizeBytes,
      });
      for (const name of order.phases) {
        const geometry = geometryOfPlan({ ...order, sizeBytes });
        const selection = await selectionFor(run, runner, { source, target }, { name, geometry });
        const onProgress = reporter.phaseStart(name, sizeBytes, partOf(selection, geometry));
        const facts = reporter.extents.listenerFor(name);
        if (selection !== undefined) facts?.('not read', [...gapsOf(selection.coverage, geometry, 0)]);
        const work = {
          name,
          geometry,
          coverage: selection?.coverage,
          dryRun: order.dryRun,
          onProgress,
          facts,
        };
        reporter.phaseEnd(await new SameHostPhase(run, runner, work).run(source, target));
      }
      reporter.warn([...(await source.checkAtEnd()), ...(await target.checkAtEnd())]);
    });
  });
}

/** What a phase examines. Undefined where that is everything. */
async function selectionFor(
  run: SameHostRun,
  runner: JobRunner<SameHostJob>,
  { source, target }: Record<Role, RunDevice>,
  { name, geometry }: { readonly name: PhaseName; readonly geometry: Geometry },
): Promise<Selection | undefined> {
  const { newFromBytes } = target;
  const selection = await run.select?.({ phase: name, geometry, newFromBytes, mayHaveMoreNew: false });
  const probe = selection?.probe;
  if (probe === undefined) return selection;
  const { coverage } = probe;
  const work = { name, geometry, coverage, dryRun: true, onProgress: () => undefined };
  return probe.judge(await new SameHostPhase(run, runner, work).run(source, target));
}

/** Opens both devices and returns what they are, without reading any data. */
export async function inspectOnSameHost({
  localPath,
  remotePath,
}: Order): Promise<Record<Side, DeviceReport>> {
  const reports: DeviceReport[] = [];
  for (const [path, side] of [
    [localPath, 'local'],
    [remotePath, 'remote'],
  ] as const) {
    const device = await openDevice(
      path,
      { side, hosts: 'one' },
      { phases: [], targetRequest: null, readBytesPerSecond: undefined, pageCache: 'use' },
      () => undefined,
    );
    reports.push(deviceReportOf(device.handle));
    await device.close();
  }
  return { local: reports[0]!, remote: reports[1]! };
}

function useOf(order: Order, targetRequest: TargetRequest | null): DeviceUse {
  const { phases, readBytesPerSecond, chunkBytes } = order;
  // A chunk that is longer than a direct read is read again when it is written.
  const isReadOnce = (chunkBytes ?? 0) <= tuning.directPieceBytes;
  const pageCache = pageCacheOf(order);
  return {
    phases,
    targetRequest,
    readBytesPerSecond,
    pageCache,
    ...(!isReadOnce && { survey: 'cached' }),
  };
}

/** A run on one host has one attempt. */
function snapshotsOf({ snapshot }: Order): RunSnapshots | undefined {
  if (snapshot === undefined) return undefined;
  return new RunSnapshots({ sizeBytes: snapshot.sizeBytes, runToken: undefined, mayContinue: () => false });
}

interface DeviceName {
  readonly path: string;
  readonly side: Side;
}

function deviceNamesOf({ localRole, localPath, remotePath }: Order): Record<Role, DeviceName> {
  const local: DeviceName = { path: localPath, side: 'local' };
  const remote: DeviceName = { path: remotePath, side: 'remote' };
  return localRole === 'source' ? { source: local, target: remote } : { source: remote, target: local };
}
