import { bounds } from './limits/bounds.ts';
import { defaults } from './limits/defaults.ts';
import { tuning } from './limits/tuning.ts';

/*
 * The numbers that decide how much, how long and how many. Sizes are in bytes and times in milliseconds. Where a number has
 * an origin outside this file, its comment names it.
 *
 * - `bounds` must hold: a peer, a user or a device that exceeds one is refused, and memory and time depend on them.
 * - `defaults` are the values of options that are not given.
 * - `tuning` was chosen by measurement or for responsiveness. Results do not depend on it.
 */

export { bounds, defaults, tuning };

requireAtMost(bounds.minBufferBytes, defaults.bufferBytes, 'the default buffer is too small');
requireAtMost(defaults.bufferBytes, bounds.maxBufferBytes, 'the default buffer is too large');
requireAtMost(defaults.lanes, bounds.maxLanes, 'the default exceeds the number of lanes');
requireLess(bounds.maxSharedLanes, bounds.maxLanes, 'shared lanes leave no room for others');
requireAtMost(bounds.minPeerTimeoutMs, defaults.peerTimeoutMs, 'the default timeout is too short');
requireAtMost(defaults.peerTimeoutMs, bounds.maxPeerTimeoutMs, 'the default timeout is too long');
requireAtMost(
  bounds.dataFrameBytes,
  tuning.dataPayloadBytes,
  'payload memory is shorter than a frame of incompressible data',
);
requireAtMost(tuning.dataPayloadBytes, bounds.maxPayloadBytes, 'payload memory is longer than a payload');
requireAtMost(tuning.leastDataPayloadBytes, tuning.dataPayloadBytes, 'no payload would be reused');
requireAtMost(tuning.sparePayloads, bounds.takenPayloads, 'more payloads are kept than can be in use');
requireAtMost(bounds.dataFrameBytes, bounds.dataWindowBytes, 'the data window is shorter than a frame');
requireAtMost(
  bounds.zeroFrameBytes,
  bounds.dataWindowBytes * bounds.zeroFrameShare,
  'the data window is shorter than a frame of zeros',
);
requireAtMost(bounds.dataFrameBytes, bounds.sendQueueBytes, 'the send queue is shorter than a frame');
requireAtMost(bounds.minWindowBuffers, bounds.maxWindowBuffers, 'the window of buffers is empty');
requireAtMost(bounds.askBytes, tuning.refineGroupBytes, 'a request is larger than a group');
requireAtMost(
  tuning.refineGroupBytes * bounds.refiningParts,
  bounds.windowDataBytes,
  'more is refined than compared',
);
requireAtMost(
  bounds.windowDataBytes,
  tuning.aheadDataBytes,
  'the source would read less far ahead than the target',
);
requireAtMost(bounds.leastAskCharge, bounds.askedDigestBytes, 'no request would be allowed');
requireLess(bounds.unconfirmedCheckpoints, bounds.frameGroups, 'two open groups share a number');
requireAtMost(bounds.finestChunkBytes, bounds.blockBytes, 'a chunk is larger than a block');
requireLess(
  bounds.stderrGraceMs,
  bounds.exitGraceMs,
  'the status would be reported before the stderr was read',
);
requireLess(
  bounds.killAfterMs,
  bounds.giveUpAfterSignalMs,
  'a run would be abandoned before its children are killed',
);
requireAtMost(tuning.pieceBytes % bounds.blockBytes, 0, 'a piece cuts a block');
requireAtMost(tuning.holeUnitBytes % bounds.maxAlignmentBytes, 0, 'a hole may end within a direct read');
requireAtMost(bounds.leastAlignmentBytes, bounds.maxAlignmentBytes, 'no direct read would be allowed');
requireAtMost(tuning.firstRetryWaitMs, bounds.minRetryWaitMs, 'the first wait exceeds the shortest limit');
requireLess(tuning.loopPollMs, bounds.loopSettleMs, 'a loop device would be looked at once');

function requireAtMost(lesser: number, greater: number, what: string): void {
  if (lesser > greater) throw new Error(`limits.ts: ${what}`);
}

function requireLess(lesser: number, greater: number, what: string): void {
  if (lesser >= greater) throw new Error(`limits.ts: ${what}`);
}
