import { packedAgent, threadProgram } from './agent-program.ts';
import { BasynError } from './errors.ts';
import { limits } from './limits.ts';
import {
  validateOptions,
  type Compression,
  type InspectOptions,
  type Observation,
  type RecheckOptions,
  type SyncOptions,
} from './options.ts';
import { Channel } from './protocol/channel.ts';
import type { CompressionChoice } from './protocol/schemas.ts';
import { inspectHere, runHere } from './session/here.ts';
import { LaneOpener } from './session/lane-opener.ts';
import { inspectBoth, runLocalEnd, type LocalEnd } from './session/local-end.ts';
import { rolesOf, type Order } from './session/order.ts';
import type { DeviceReport, RunReport } from './session/report.ts';
import { Reporter } from './session/reporter.ts';
import { canAskPerson } from './transport/person.ts';
import { SshConnection } from './transport/ssh.ts';
import { InlineRunner, WorkerPool } from './workers/pool.ts';
import type { JobRunner } from './workers/jobs.ts';

export { BasynError, exitCodeOf, type ErrorCode, type ErrorRecord, type Side } from './errors.ts';
export { hashNames, type HashName } from './digest/hash-names.ts';
export type { Extent } from './digest/extent.ts';
export type * from './options.ts';
export type * from './session/report.ts';

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
  validateOptions(options);
  const { mode, recheck: rechecks = false, create = false, force = false, dryRun = false } = options;
  return run(options, {
    ...comparisonOf(options),
    localRole: rolesOf[options.action].local,
    phases: rechecks && !dryRun ? [mode, 'recheck'] : [mode],
    compression: compressionOf(options),
    lanes: options.lanes ?? limits.defaultLanes,
    extent: 'source size',
    create,
    force,
    dryRun,
  });
}

/**
 * Compares two devices, past the page cache where the storage allows it. Neither is written to.
 *
 * @throws {BasynError} where they can't be compared to the end. A difference is no rejection, see {@link sync}.
 */
export async function recheck(options: RecheckOptions): Promise<RunReport> {
  validateOptions(options);
  return run(options, recheckOrder(options));
}

/**
 * Opens both devices for reading and says what they are.
 *
 * @throws {BasynError} where one of them is missing or can't be read.
 */
export async function inspect(options: InspectOptions): Promise<Record<'local' | 'remote', DeviceReport>> {
  validateOptions(options);
  const order = recheckOrder(options);
  if (options.host === undefined) return inspectHere(order);
  return runOverSsh(options, order, async (end) => {
    const devices = await inspectBoth(end);
    return () => devices;
  });
}

async function run(options: SyncOptions | RecheckOptions, order: Order): Promise<RunReport> {
  if (options.host === undefined) return runOnThisMachine(options, order);
  return runOverSsh(options, order, async (end) => {
    await runLocalEnd(end);
    return () => end.reporter.report();
  });
}

async function runOnThisMachine({ onEvent, signal }: Observation, order: Order): Promise<RunReport> {
  let writtenBytes = 0;
  let runner: JobRunner | undefined;
  const isPush = order.localRole === 'source';
  const reporter = new Reporter(order.dryRun, onEvent ?? ignore, () => ({
    receivedBytes: isPush ? 0 : writtenBytes,
    transmittedBytes: isPush ? writtenBytes : 0,
  }));
  return abortable(
    signal,
    () => void runner?.close(),
    async () => {
      try {
        await runHere({
          order,
          reporter,
          startRunner: (sizeBytes) =>
            (runner =
              sizeBytes <= limits.inlineBytes
                ? new InlineRunner()
                : new WorkerPool(threadProgram(), 'local')),
          onWritten: (lengthBytes) => {
            writtenBytes += lengthBytes;
          },
        });
        return reporter.report();
      } finally {
        reporter.stop();
        await runner?.close();
      }
    },
  );
}

/** Whatever `use` leads to, ssh and the threads have ended before it is told. */
async function runOverSsh<T>(
  options: InspectOptions,
  order: Order,
  use: (end: LocalEnd) => Promise<() => T>,
): Promise<T> {
  const { host = '', port, user, sshOptions = [], remoteNode = 'node', onEvent = ignore } = options;
  const destination = {
    host,
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    options: sshOptions,
    nodeCommand: remoteNode,
  };
  throwIfEnded(options.signal);
  const connection = new SshConnection(
    destination,
    packedAgent(),
    helloTimeoutMsOf(order),
    order.lanes - 1,
    (line) => onEvent({ type: 'remote-stderr', line }),
  );
  const runner = new WorkerPool(threadProgram(), 'local');
  // The handshake of ssh stands before everything else: it has a processor to itself.
  runner.leaveOne();
  const reporter = new Reporter(order.dryRun, onEvent, () => connection.traffic());
  const channel = new Channel();
  const lanes = new LaneOpener(
    channel,
    order.lanes - 1,
    (meeting, way) => connection.openLane(meeting, way),
    (message) => reporter.debug(message),
  );
  connection.ready.then(
    (streams) => {
      runner.useAll();
      channel.addLane(streams);
      channel.watch(order.peerTimeoutMs);
    },
    (error: unknown) => channel.fail(BasynError.from(error)),
  );
  const stop = (): void => {
    channel.fail(new BasynError('aborted', 'The run was ended.'));
    void runner.close();
  };
  return abortable(options.signal, stop, async () => {
    try {
      const result = await use({ order, channel, runner, reporter, lanes });
      lanes.stop();
      await connection.close();
      return result();
    } catch (thrown) {
      lanes.stop();
      const error = await connection.explain(BasynError.from(thrown));
      channel.destroy();
      await connection.stop();
      throw error;
    } finally {
      reporter.stop();
      await runner.close();
    }
  });
}

/** Before the host first answers, a person may have to type a password: not under cron, and not in seconds. */
function helloTimeoutMsOf({ peerTimeoutMs }: Order): number {
  return canAskPerson() ? Math.max(limits.bannerTimeoutMs, peerTimeoutMs) : peerTimeoutMs;
}

async function abortable<T>(
  signal: AbortSignal | undefined,
  stop: () => void,
  work: () => Promise<T>,
): Promise<T> {
  throwIfEnded(signal);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await work();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function throwIfEnded(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new BasynError('aborted', 'The run was ended before it began.');
}

function ignore(): void {
  // A caller that doesn't listen.
}

type Comparing = Pick<
  Order,
  'localPath' | 'remotePath' | 'hash' | 'bufferBytes' | 'chunkBytes' | 'peerTimeoutMs'
>;

function comparisonOf(options: RecheckOptions | SyncOptions): Comparing {
  return {
    localPath: options.local,
    remotePath: options.remote,
    hash: options.hash ?? 'SHA1',
    bufferBytes: options.bufferBytes ?? limits.defaultBufferBytes,
    chunkBytes: options.chunkBytes ?? null,
    peerTimeoutMs: options.timeoutMs ?? limits.defaultPeerTimeoutMs,
  };
}

/** Without an action nobody is the source by name: the local side takes that part, and both count the same. */
function recheckOrder(options: RecheckOptions): Order {
  const { action } = options;
  return {
    ...comparisonOf(options),
    localRole: rolesOf[action ?? 'push'].local,
    phases: ['recheck'],
    compression: { name: 'none', level: null },
    lanes: 1,
    extent: action === undefined ? 'smaller size' : 'source size',
    create: false,
    force: false,
    dryRun: false,
  };
}

/** `--zlevel` alone means zlib, as the level is zlib's in the spec; 0 is no compression whatever the name. */
function compressionOf({ compress, zlevel }: Compression): CompressionChoice {
  if (compress === 'none' || zlevel === 0) return { name: 'none', level: null };
  return { name: compress ?? (zlevel === undefined ? 'auto' : 'zlib'), level: zlevel ?? null };
}
