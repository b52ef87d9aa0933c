import { checkOptions } from './options/check.ts';
import { type Complete, withDefaults } from './options/defaults.ts';
import type {
  Comparison,
  Compression,
  InspectOptions,
  RecheckOptions,
  RecordOptions,
  SyncOptions,
} from './options/types.ts';
import type { CompressionChoice } from './protocol/schemas.ts';
import type { Job } from './jobs/job.ts';
import type { JobsReport } from './jobs/report.ts';
import type { JobsOptions } from './jobs/run-jobs.ts';
import { throwIfEnded } from './runs/abortable.ts';
import type { RunParts } from './runs/over-ssh.ts';
import type { RecordingOptions } from './runs/state-file.ts';
import { inspectSameHost, runSameHost } from './runs/same-host.ts';
import { rolesOf, type Order } from './session/order.ts';
import type { PhaseSelector } from './session/selection.ts';
import type { DeviceReport, RecordReport, RunReport } from './report.ts';
import type { Recorder } from './state-file/recorder.ts';
import { BasynError } from './errors.ts';

// What only a run over ssh needs is loaded by such a run: a local one of small files is over before it would be there.

export {
  BasynError,
  exitCodeOf,
  type ErrorCode,
  type ErrorRecord,
  type Remedy,
  type Side,
} from './errors.ts';
export { hashNames, type HashName } from './digest/hash-names.ts';
export type { Extent } from './digest/extent.ts';
export type { Job, JobHooks } from './jobs/job.ts';
export type { JobEvent, JobResult, JobsReport, ReportOfJob } from './jobs/report.ts';
export type { JobsOptions } from './jobs/run-jobs.ts';
export type * from './options/types.ts';
export type * from './report.ts';

/**
 * Makes one device equal to the other, and rechecks it where that is asked for. Resolves when the receiving
 * side has confirmed that every byte is on the disk; what was started for the run has ended then.
 *
 * A recheck that finds a difference is no rejection: the report says `matches: false`.
 *
 * @throws {BasynError} whatever kept it from that; the receiving device may have been changed, unless the code
 *   is `usage` or `refused`.
 */
export async function sync(options: SyncOptions): Promise<RunReport> {
  return withRangeList(checkOptions('sync', options), (observed) =>
    withRecorder(observed, async (checked, recorder) => transfer(withDefaults(checked), recorder)),
  );
}

async function transfer(complete: Complete<SyncOptions>, recorder: Recorder | undefined): Promise<RunReport> {
  if (complete.recheck && complete.dryRun) {
    const message = 'The recheck is skipped in a dry run: nothing is written that could be checked.';
    complete.onEvent?.({ type: 'warning', message });
  }
  // To discard what the state file knows without reading the target is to copy.
  const mode = complete.resetBitmap ? 'copy' : complete.mode;
  const order: Order = {
    ...comparisonOf(complete),
    localRole: rolesOf[complete.action].local,
    phases: complete.recheck && !complete.dryRun ? [mode, 'recheck'] : [mode],
    compression: compressionOf(complete),
    laneCount: complete.lanes,
    cache: complete.cache,
    sizes: 'target at least source',
    // A list does not say what a new file lacks.
    create: complete.create && complete.changed === undefined,
    grow: complete.grow,
    force: complete.force,
    dryRun: complete.dryRun,
    sparse: complete.sparse,
    discard: complete.discard,
  };
  const select = await selectorFor(complete);
  const running = run(complete, order, { select, recorder });
  return complete.create && !order.create ? running.catch(explainMissing) : running;
}

/** The target is missing, and was not created because of the list of changes. */
function explainMissing(thrown: unknown): never {
  const error = BasynError.from(thrown);
  if (error.remedy !== 'create') throw error;
  const { code, message, side, device } = error;
  throw new BasynError(code, message, { side, device, remedy: 'no-list' }, { cause: error });
}

/** Only a run with a list of changes loads what reads it. */
async function selectorFor(options: Complete<SyncOptions>): Promise<PhaseSelector | undefined> {
  const { changed, signal } = options;
  if (changed === undefined) return undefined;
  throwIfEnded(signal);
  const { selectorOfList } = await import('./changed/changed.ts');
  return selectorOfList({ ...options, changed });
}

/**
 * Compares two devices, past the page cache where the storage allows it. Neither is written to.
 *
 * @throws {BasynError} where they can't be compared to the end. A difference is no rejection, see {@link sync}.
 */
export async function recheck(options: RecheckOptions): Promise<RunReport> {
  return withRangeList(checkOptions('recheck', options), (observed) =>
    withRecorder(observed, async (checked, recorder) => {
      const complete = withDefaults(checked);
      return run(complete, recheckOrder(complete), { select: undefined, recorder });
    }),
  );
}

/**
 * Makes a state file from the source alone, for a target that was filled with the same bytes in another way. The first run
 * with a target compares a sample of it, and binds the file to it.
 *
 * @throws {BasynError} where the source cannot be read completely, or was written to meanwhile; `refused`, where the file
 *   belongs to a target already.
 */
export async function record(options: RecordOptions): Promise<RecordReport> {
  const checked = checkOptions('record', options);
  const { openRecorderOfSource } = await import('./runs/state-file.ts');
  const recorder = await openRecorderOfSource(checked);
  try {
    const complete = withDefaults({ ...checked, ...kindOf(recorder, checked) });
    return await recordWith(complete, recorder);
  } finally {
    recorder.close();
  }
}

async function recordWith(options: Complete<RecordOptions>, recorder: Recorder): Promise<RecordReport> {
  const { action, local = '', remote = '', host } = options;
  const sourceSide = action === 'push' ? 'local' : 'remote';
  const order = recordOrder(options, action === 'push' ? local : remote);
  if (host !== undefined) {
    const { recordOverSsh } = await import('./runs/over-ssh.ts');
    return recordOverSsh(options, order, { recorder, sourceSide });
  }
  const { recordInProcess } = await import('./runs/in-process.ts');
  return recordInProcess(options, order, { recorder, sourceSide });
}

/**
 * Opens both devices for reading and says what they are.
 *
 * @throws {BasynError} where one of them is missing or can't be read.
 */
export async function inspect(options: InspectOptions): Promise<Record<'local' | 'remote', DeviceReport>> {
  const complete = withDefaults<RecheckOptions>(checkOptions('inspect', options));
  const order = recheckOrder(complete);
  if (complete.host === undefined) return inspectSameHost(complete, order);
  const { inspectOverSsh } = await import('./runs/over-ssh.ts');
  return inspectOverSsh(complete, order);
}

/**
 * Runs jobs: as many at the same time as the limits allow, and never two that share a disk of this machine, unless
 * `shareDisks` is set. A job that fails does not stop the others.
 *
 * @throws {BasynError} `usage`, before anything is opened, where a job is invalid, two have one name, one target or one state
 *   file, or one writes to the source of another.
 */
export async function runJobs(jobs: readonly Job[], options: JobsOptions = {}): Promise<JobsReport> {
  const { requireValid, runJobs: runAll } = await import('./jobs/run-jobs.ts');
  requireValid(jobs);
  return runAll(jobs, options, (task, observation) => {
    switch (task.kind) {
      case 'sync':
        return sync({ ...task.options, ...observation });
      case 'recheck':
        return recheck({ ...task.options, ...observation });
      case 'record':
        return record({ ...task.options, ...observation });
      case 'inspect':
        return inspect({ ...task.options, ...observation });
    }
  });
}

/** Lists every range that differs, where the options name a file for that. */
async function withRangeList<Options extends RecordingOptions>(
  options: Options,
  use: (options: Options) => Promise<RunReport>,
): Promise<RunReport> {
  const { ranges, local, remote, host, bitmap, changed, onExtent } = options;
  if (ranges === undefined) return use(options);
  const { RangeList } = await import('./ranges/range-list.ts');
  const others = [
    local,
    host === undefined ? remote : undefined,
    bitmap,
    changed === '-' ? undefined : changed,
  ];
  const list = RangeList.open(
    ranges,
    others.filter((path) => path !== undefined),
  );
  try {
    const report = await use({
      ...options,
      onExtent: (fact) => {
        list.add(fact);
        onExtent?.(fact);
      },
    });
    list.finish(report);
    return report;
  } finally {
    list.close();
  }
}

/** Opens the state file of a run that has one. What the options leave out is what the file was made with. */
async function withRecorder<Options extends RecordingOptions>(
  options: Options,
  use: (options: Options, recorder: Recorder | undefined) => Promise<RunReport>,
): Promise<RunReport> {
  if (options.bitmap === undefined) return use(options, undefined);
  const { openRecorder } = await import('./runs/state-file.ts');
  const recorder = await openRecorder(options);
  try {
    return await use({ ...options, ...kindOf(recorder, options) }, recorder);
  } finally {
    recorder.close();
  }
}

function kindOf(
  { kind }: Recorder,
  { hash, bufferBytes }: Comparison,
): Pick<Comparison, 'hash' | 'bufferBytes'> {
  if (kind === undefined) return {};
  return { hash: hash ?? kind.hash, bufferBytes: bufferBytes ?? kind.bufferBytes };
}

async function run(
  options: Complete<SyncOptions | RecheckOptions>,
  order: Order,
  parts: RunParts,
): Promise<RunReport> {
  if (options.host !== undefined) {
    const { runOverSsh } = await import('./runs/over-ssh.ts');
    return runOverSsh(options, order, parts);
  }
  const { select, recorder } = parts;
  if (recorder === undefined) return runSameHost(options, order, select);
  const { runInProcess } = await import('./runs/in-process.ts');
  return runInProcess(options, order, { select, recorder });
}

type Comparing = Pick<
  Order,
  | 'localPath'
  | 'remotePath'
  | 'hash'
  | 'bufferBytes'
  | 'chunkBytes'
  | 'peerTimeoutMs'
  | 'linkBytesPerSecond'
  | 'readErrors'
  | 'snapshot'
  | 'readBytesPerSecond'
  | 'needsRanges'
>;

function comparisonOf(options: Complete<RecheckOptions>): Comparing {
  return {
    localPath: options.local,
    remotePath: options.remote,
    hash: options.hash,
    bufferBytes: options.bufferBytes,
    chunkBytes: options.chunkBytes ?? null,
    peerTimeoutMs: options.timeoutMs,
    linkBytesPerSecond: options.bandwidthBytesPerSecond,
    readErrors: options.skipReadErrors ? 'skip' : 'fail',
    readBytesPerSecond: options.readBytesPerSecond,
    snapshot: snapshotOf(options),
    needsRanges: options.ranges !== undefined,
  };
}

function snapshotOf({ snapshot = false }: Complete<RecheckOptions>): Order['snapshot'] {
  if (snapshot === false) return undefined;
  return snapshot === true ? {} : { sizeBytes: snapshot };
}

/** Without an action no side is the source. The local side plays that role; the result is the same either way. */
function recheckOrder(options: Complete<RecheckOptions>): Order {
  const { action } = options;
  return {
    ...comparisonOf(options),
    localRole: rolesOf[action ?? 'push'].local,
    phases: ['recheck'],
    compression: { name: 'none', level: null },
    laneCount: 1,
    sizes: action === undefined ? 'equal' : 'target at least source',
    create: false,
    grow: false,
    force: false,
    dryRun: false,
    sparse: 'auto',
    discard: false,
  };
}

/** In a dry run of a SYNC, a target streams the digests of its device. The source plays that role. */
function recordOrder(options: Complete<RecordOptions>, sourcePath: string): Order {
  return {
    // Nothing is opened for the local end.
    ...comparisonOf({ ...options, local: '', remote: sourcePath }),
    localRole: 'source',
    phases: ['sync'],
    compression: { name: 'none', level: null },
    laneCount: 1,
    sizes: 'target at least source',
    create: false,
    grow: false,
    force: false,
    dryRun: true,
    sparse: 'auto',
    discard: false,
  };
}

/** `--zlevel` alone means zlib, as the level is zlib's in the spec; 0 is no compression whatever the name. */
function compressionOf({ compress, zlevel }: Compression): CompressionChoice {
  if (compress === 'none' || zlevel === 0) return { name: 'none', level: null };
  return { name: compress ?? (zlevel === undefined ? 'auto' : 'zlib'), level: zlevel ?? null };
}
