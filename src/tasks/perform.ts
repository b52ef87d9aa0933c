import { BasynError } from '../errors.ts';
import { checkOptions } from '../options/check.ts';
import { type Complete, withDefaults } from '../options/defaults.ts';
import type { OptionsByRun, RunKind } from '../options/entry.ts';
import { namedFilesOf } from '../options/named-files.ts';
import type { Task } from '../options/task.ts';
import type {
  Comparison,
  InspectOptions,
  Observation,
  RecheckOptions,
  RecordOptions,
  SyncOptions,
} from '../options/types.ts';
import type { DeviceReport, RecordReport, RunReport } from '../report.ts';
import { throwIfEnded } from '../runs/abortable.ts';
import type { AgentLinks } from '../runs/agent-links.ts';
import type { RunParts } from '../runs/over-ssh.ts';
import { inspectSameHost, runSameHost } from '../runs/same-host.ts';
import type { RecordingOptions } from '../runs/state-file.ts';
import type { Order } from '../session/order.ts';
import { requireSeparateFiles } from '../separate-files.ts';
import type { PhaseSelector } from '../session/selection.ts';
import type { Recorder } from '../state-file/recorder.ts';
import { recheckOrder, recordOrder, transferOrder } from './orders.ts';

// What only a run over ssh needs is loaded by such a run: a local one of small files is over before it would be there.

/** Where a run gets its link to an agent. Undefined: it has one of its own. */
export type Links = AgentLinks | undefined;

/** Carries out any task. */
export function performTask(
  task: Task,
  observation: Observation,
  links: Links,
): Promise<RunReport | RecordReport | Record<'local' | 'remote', DeviceReport>> {
  switch (task.kind) {
    case 'sync':
      return performSync({ ...task.options, ...observation }, links);
    case 'recheck':
      return performRecheck({ ...task.options, ...observation }, links);
    case 'record':
      return performRecord({ ...task.options, ...observation }, links);
    case 'inspect':
      return performInspect({ ...task.options, ...observation }, links);
  }
}

/** Makes one device equal to the other. */
export function performSync(options: SyncOptions, links: Links): Promise<RunReport> {
  return withRangeList(checked('sync', options), (observed) =>
    withRecorder(observed, async (known, recorder) => transfer(withDefaults(known), recorder, links)),
  );
}

/** Compares two devices. */
export function performRecheck(options: RecheckOptions, links: Links): Promise<RunReport> {
  return withRangeList(checked('recheck', options), (observed) =>
    withRecorder(observed, async (known, recorder) => {
      const complete = withDefaults(known);
      return run(complete, recheckOrder(complete), { select: undefined, recorder, links });
    }),
  );
}

/** Makes a state file from the source alone. */
export async function performRecord(options: RecordOptions, links: Links): Promise<RecordReport> {
  const given = checked('record', options);
  const { openRecorderOfSource } = await import('../runs/state-file.ts');
  const recorder = await openRecorderOfSource(given);
  try {
    const complete = withDefaults({ ...given, ...kindOf(recorder, given) });
    return await recordWith(complete, recorder, links);
  } finally {
    recorder.close();
  }
}

/** Opens both devices for reading. */
export async function performInspect(
  options: InspectOptions,
  links: Links,
): Promise<Record<'local' | 'remote', DeviceReport>> {
  const complete = withDefaults<RecheckOptions>(checkOptions('inspect', options));
  const order = recheckOrder(complete);
  if (complete.host === undefined) return inspectSameHost(complete, order);
  const { inspectOverSsh } = await import('../runs/over-ssh.ts');
  return inspectOverSsh(complete, order, links);
}

/** @throws {BasynError} `usage`, for options that are wrong, and for a file that is written and has another use. */
function checked<Kind extends RunKind>(kind: Kind, given: OptionsByRun[Kind]): OptionsByRun[Kind] {
  const options = checkOptions(kind, given);
  requireSeparateFiles(namedFilesOf(kind, options));
  return options;
}

async function transfer(
  complete: Complete<SyncOptions>,
  recorder: Recorder | undefined,
  links: Links,
): Promise<RunReport> {
  if (complete.recheck && complete.dryRun) {
    const message = 'The recheck is skipped in a dry run: nothing is written that could be checked.';
    complete.onEvent?.({ type: 'warning', message });
  }
  const order = transferOrder(complete);
  const select = await selectorFor(complete);
  const running = run(complete, order, { select, recorder, links });
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
  const { selectorOfList } = await import('../changed/changed.ts');
  return selectorOfList({ ...options, changed });
}

async function recordWith(
  options: Complete<RecordOptions>,
  recorder: Recorder,
  links: Links,
): Promise<RecordReport> {
  const { action, local = '', remote = '', host } = options;
  const sourceSide = action === 'push' ? 'local' : 'remote';
  const order = recordOrder(options, action === 'push' ? local : remote);
  if (host !== undefined) {
    const { recordOverSsh } = await import('../runs/over-ssh.ts');
    return recordOverSsh(options, order, { recorder, sourceSide }, links);
  }
  const { recordInProcess } = await import('../runs/in-process.ts');
  return recordInProcess(options, order, { recorder, sourceSide });
}

/** Lists every range that differs, where the options name a file for that. */
async function withRangeList<Options extends RecordingOptions>(
  options: Options,
  use: (options: Options) => Promise<RunReport>,
): Promise<RunReport> {
  const { ranges, onExtent } = options;
  if (ranges === undefined) return use(options);
  const { RangeList } = await import('../ranges/range-list.ts');
  const list = RangeList.open(ranges);
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
  const { openRecorder } = await import('../runs/state-file.ts');
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
  parts: RunParts & { readonly links: Links },
): Promise<RunReport> {
  if (options.host !== undefined) {
    const { runOverSsh } = await import('../runs/over-ssh.ts');
    return runOverSsh(options, order, parts, parts.links);
  }
  const { select, recorder } = parts;
  if (recorder === undefined) return runSameHost(options, order, select);
  const { runInProcess } = await import('../runs/in-process.ts');
  return runInProcess(options, order, { select, recorder });
}
