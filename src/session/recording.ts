import { unknownMarks, type ContentMarks } from '../device/device.ts';
import { blockBytesOf, bufferCountOf, type Geometry } from '../digest/geometry.ts';
import { BasynError } from '../errors.ts';
import type { OpenedMessage } from '../protocol/messages.ts';
import type { Recorder } from '../state-file/recorder.ts';
import { wholeDevice, type Coverage } from './coverage.ts';
import type { RunDevice } from './devices.ts';
import type { Order, Role } from './order.ts';
import { geometryOfPlan } from './phase.ts';
import { RunCollector, unionOf } from './run-collector.ts';
import { readPathOf, type RunReporter } from './run-reporter.ts';
import type { Selection } from './selection.ts';

/** What the local end knows about both devices when they are open. */
export interface BothDevices {
  readonly local: RunDevice;
  readonly opened: OpenedMessage;
  readonly sizeBytes: number;
}

/** Tells the state file which devices the run has, before the first write. */
export async function beginRecording(
  recorder: Recorder,
  order: Order,
  { local, opened, sizeBytes }: BothDevices,
  reporter: RunReporter,
): Promise<void> {
  const remoteReads = readPathOf({ cachedBecause: opened.cachedBecause ?? undefined });
  const localSide = { marks: local.marks ?? unknownMarks, reads: readPathOf(local) };
  const remoteSide = { marks: opened.marks ?? unknownMarks, reads: remoteReads };
  const [source, target] = order.localRole === 'source' ? [localSide, remoteSide] : [remoteSide, localSide];
  const { hash, bufferBytes } = order;
  const blockBytes = blockBytesOf(geometryOfPlan({ ...order, sizeBytes }));
  const { marks } = target;
  await recorder.begin({
    hash,
    bufferBytes,
    blockBytes,
    sizeBytes,
    target: { marks, reads: target.reads === 'direct' ? 'direct' : 'cached' },
    sourceMarks: source.marks,
  });
  reporter.warn(recorder.warnings);
  reporter.stateFile(recorder.report());
}

/** Adds to what a phase examines whatever the state file does not know, and spares the target the rest. */
export function selectionWith(
  recorder: Recorder,
  listed: Selection | undefined,
  localRole: Role,
  geometry: Geometry,
): Selection | undefined {
  const unknown = unknownBuffers(recorder, geometry);
  const coverage =
    listed === undefined ? wholeDevice(geometry) : unionOf(geometry, [listed.coverage, unknown]);
  if (localRole === 'source') return { ...listed, coverage, surveyed: unknown };
  // A local target answers from the file. The source has to receive a digest of each buffer.
  return listed === undefined ? undefined : { ...listed, coverage };
}

function unknownBuffers(recorder: Recorder, geometry: Geometry): Coverage {
  const unknown = new RunCollector(geometry);
  for (let index = 0; index < bufferCountOf(geometry); index++) {
    if (!recorder.isKnown(index)) unknown.add(index, index + 1);
  }
  return unknown.coverage();
}

/** The file was wrong, so everything is compared. Returns a warning. */
export async function distrustRecord(recorder: Recorder): Promise<string> {
  const { mistakes, path } = recorder;
  await recorder.distrust('it was wrong');
  return `State file ${path} is wrong: ${mistakes} buffers of the target are not what it says. Everything is compared.`;
}

/** What was written to each device, after the last write of the run. */
export interface EndMarks {
  readonly source: ContentMarks;
  readonly target: ContentMarks;
}

/** Call it while the local device is open. */
export async function marksAtEnd(
  recorder: Recorder | undefined,
  { localRole, dryRun }: Order,
  local: RunDevice,
  remoteMarks: ContentMarks = unknownMarks,
): Promise<EndMarks> {
  const localMarks = recorder === undefined || dryRun ? unknownMarks : await local.marksNow();
  return localRole === 'source'
    ? { source: localMarks, target: remoteMarks }
    : { source: remoteMarks, target: localMarks };
}

/** @throws {BasynError} `device`, where a recheck has found that the file is wrong. A later run does not believe it either. */
export async function requireCorrect(recorder: Recorder): Promise<void> {
  const { mistakes, path } = recorder;
  if (mistakes === 0) return;
  await recorder.distrust('it was wrong');
  const message =
    `State file ${path} is wrong: ${mistakes} buffers of the target are not what it says. Both devices have been compared ` +
    'without it. Rebuild it.';
  throw new BasynError('device', message, { side: 'local', device: path });
}
