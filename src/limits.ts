/**
 * The numbers that decide how much, how long and how many. Sizes are in bytes and times in milliseconds. Where a number has
 * an origin outside this file, its comment names it.
 *
 * - `bounds` must hold: a peer, a user or a device that exceeds one is refused, and memory and time depend on them.
 * - `defaults` are the values of options that are not given.
 * - `tuning` was chosen by measurement or for responsiveness. Results do not depend on it.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const bounds = {
  /** The spec counts `--buffer` and `--chunk` in kilobytes, so 1 KiB is the smallest. */
  minBufferBytes: KiB,
  maxBufferBytes: 1024 * MiB,
  /** A list that a program writes for dm-era counts in blocks of at least a sector. */
  minChangedBlockBytes: 512,
  maxSampleBytes: 1024 * 1024 * MiB,
  minPeerTimeoutMs: 1_000,
  maxPeerTimeoutMs: 86_400_000,
  maxLanes: 16,
  maxRetries: 1_000_000,
  minRetryWaitMs: 1_000,
  maxRetryWaitMs: 86_400_000,
  /** Lanes within the first connection: together with it, about as many windows as one TCP connection has room for. */
  maxSharedLanes: 3,
  /** Of `--bwlimit` and `--read-limit`. Below, the signs of life of several lanes would take a large part of the link. */
  minBytesPerSecond: KiB,
  maxBytesPerSecond: 1024 * 1024 * MiB,
  /** Linux device paths end at 4096 bytes. A longer one cannot be opened. */
  maxPathBytes: 4096,
  /** A fact that identifies a device. Longer than any of real storage. */
  maxIdentityCharacters: 1024,
  /** Offsets have 64 bits in a frame and are doubles here: this is the largest exact one. */
  maxOffsetBytes: Number.MAX_SAFE_INTEGER,

  // How a device is cut: both sides of a run need the same values.
  /** Finest comparison where `--chunk` is not given: the page and the sector of today's disks. */
  finestChunkBytes: 4 * KiB,
  /** Granularity of the first hash pass. Hashes reach full speed here (measured: SHA1 1.85 GB/s). */
  blockBytes: 64 * KiB,
  /** The number of parts into which a differing step is cut at the next finer level: a power of two. */
  refineFanOut: 16,

  /** A frame's payload: an incompressible data frame of 1 MiB, its extents, and room for both. */
  maxPayloadBytes: 2 * MiB,
  maxJsonBytes: 64 * KiB,
  maxErrorMessageCharacters: 4096,
  /** The first line of the loader, and what a shell may print in its place before the start fails. */
  maxBannerBytes: 256,
  maxAgentBytes: 4 * MiB,
  /** Device bytes and extents in one data frame. */
  dataFrameBytes: 1 * MiB,
  dataFrameExtents: 1024,
  /** Device bytes and extents in one request for digests. */
  askBytes: 8 * MiB,
  askExtents: 4096,
  /** Device bytes in a data frame of zeros, which has no payload. */
  zeroFrameBytes: 256 * MiB,
  /** A byte of a frame of zeros counts in the window as this part of a byte, so that a whole frame counts 1 MiB. */
  zeroFrameShare: 256,
  /** Ranges of data in the map of a sparse file: 8 MiB. Everything behind them is read. */
  listedDataRanges: 512 * KiB,
  /** Runs of buffers that a phase examines. If a list has more, those with the smallest gaps are joined. */
  coverageRuns: 256 * KiB,
  /** Runs in one message: 1 MiB. */
  coverMessageRuns: 64 * KiB,
  /** Differing ranges that a report lists. */
  reportedRanges: 10,
  /** Unreadable ranges that a report lists: the user may want to restore each of them. */
  reportedUnreadableRanges: 100,
  /** Unreadable ranges of a source, and bytes in them, that a run leaves out. More of them mean that the disk is gone. */
  unreadableRanges: 10_000,
  unreadableBytes: 256 * MiB,

  /** Device bytes sent and not yet confirmed: 32 MiB keeps 640 MB/s busy with a round trip of 50 ms. */
  dataWindowBytes: 32 * MiB,
  /** Device bytes in ranges that wait to be read for sending. */
  sendQueueBytes: 16 * MiB,
  /** Buffers whose digests may be in flight: by their number, and by the memory of their block digests. */
  maxWindowBuffers: 16_384,
  minWindowBuffers: 4,
  windowDigestBytes: 16 * MiB,
  /** Device bytes that may be under comparison: at 2 GB/s, a quarter of a second of round trips. */
  windowDataBytes: 512 * MiB,
  /** Requested digests that have not arrived. A small request counts as `leastAskCharge`. */
  askedDigestBytes: 16 * MiB,
  leastAskCharge: 16 * KiB,
  /** Bytes that may wait to be sent when a further request arrives: the digests of both windows, and some room. */
  unreadAnswerBytes: 40 * MiB,
  /** Messages that have arrived and were not taken, and their bytes, before reading stops. */
  queuedMessages: 1024,
  queuedBytes: 4 * MiB,
  /** Text for stdout or stderr that waits for a slow reader, before lines of a trace are dropped. */
  queuedOutputCharacters: 256 * KiB,
  /** Groups, or parts of large buffers, that are refined at once: together `windowDataBytes` of the device. */
  refiningParts: 16,
  /**
   * Steps whose digests are compared at once. Each holds the digests of both sides, of at most 64 bytes. Where every other
   * step differs, it then holds half an extent until the sender takes it: 12 MiB in all. With steps of 4 KiB, this is
   * 256 MiB of the device in each round trip.
   */
  refiningSteps: 64 * KiB,
  maxWorkers: 8,
  /** Heap of a thread, which needs about 5 MiB. Without this limit, node collects garbage for 20 s before it gives up. */
  threadHeapMiB: 64,
  /** The young generation of that heap. Without this limit, it holds up to 48 MiB of garbage. */
  threadYoungHeapMiB: 6,
  /** Payload memory in use. A further payload gets memory of its own length; a quarter of it may belong to the frame. */
  takenPayloads: 48,

  /** From the start of ssh to the agent's banner, where a user may have to type a password. */
  bannerTimeoutMs: 120_000,
  /** From a banner that does not come to the end of the text in its place. Longer text means that node never started. */
  otherTextGraceMs: 2_000,
  /** The time in which a further lane must send its token and its confirmation. */
  laneTokenTimeoutMs: 120_000,
  /** Until its first byte, a further lane may be silent for this number of timeouts: the peer may not have opened it yet. */
  newLaneTimeouts: 3,
  /**
   * The number of timeouts for which an idle side waits for a peer that reports neither work nor a flush. A frame of 1 MiB
   * takes a tenth of this time at 17 KB/s with the default timeout.
   */
  stallTimeouts: 10,
  /** An agent that has ended its conversation waits this time for its last message to be taken. */
  lastMessageTimeoutMs: 60_000,
  /** The end of a further lane is held back this time, so that the reason can arrive on the first lane. */
  laneEndGraceMs: 1_000,
  /** The ssh of a failed run gets this time to exit by itself, so that its status can be reported. */
  exitGraceMs: 500,
  /** The stderr of a child that has exited is read for this time. */
  stderrGraceMs: 200,
  /** A child is asked to end, and killed after this time. */
  killAfterMs: 2_000,
  /** A helper program that makes one system call. */
  helperTimeoutMs: 60_000,
  /** After a signal, the reader of the output has this time to take the rest of it. */
  outputGraceMs: 500,
  /** A run that has not ended this time after a signal is abandoned: a device or a child does not respond. */
  giveUpAfterSignalMs: 2_500,
  /** A control socket without a listener counts as stale after this time. */
  staleSocketAgeMs: 3_600_000,
  /** The search for processes that have a device open. */
  openersScanMs: 500,
  /** Programs that watch devices open them briefly. A device that stays open for longer is in use. */
  briefOpeningMs: 1_000,
  /** A helper program of an earlier agent may have the device open for this time after the end of that agent. */
  predecessorHelperMs: 3_000,
  /** The wait for a lease is this much longer than the time that the kernel gives its holder. */
  leaseGraceMs: 1_000,
} as const;

export const defaults = {
  bufferBytes: 2 * MiB,
  lanes: 4,
  peerTimeoutMs: 60_000,
  retryWaitMs: 60_000,
  /** The buffer in a run with a list of changes: the unit of Ceph and of thin volumes is at least as long. */
  listBufferBytes: 64 * KiB,
  /** What is compared outside a list of changes: a second of reading. */
  sampleBytes: 64 * MiB,
} as const;

export const tuning = {
  /** Differing buffers that are refined together: fewer requests and larger jobs. A larger buffer is cut. */
  refineGroupBytes: 32 * MiB,
  /** Device bytes that the source may survey ahead of the comparison. */
  aheadDataBytes: 4096 * MiB,
  /** The source reports its progress at least after this amount: it moves the window and the progress bar. */
  advanceBytes: 8 * MiB,

  /** Data of one job; smaller buffers are joined. Handing over a job costs a tenth of a millisecond. */
  jobBytes: 8 * MiB,
  /** A run on one host up to this size ends before a thread has started (measured: 55 ms). */
  inlineBytes: 32 * MiB,
  /** One buffered read of a worker. Two such pieces fit into a core's second-level cache, which made `compare` fastest. */
  pieceBytes: 128 * KiB,
  /** One direct read. Reads of 128 KiB had half the speed of 1 MiB: they leave a fast disk idle. */
  directPieceBytes: MiB,
  /** Direct reads of a thread: one piece is processed while the others are read. */
  directSlots: 3,
  /** A file with fewer bytes in holes is read as a whole: that takes less time than finding the holes. */
  leastHolesBytes: MiB,
  /** Holes are used in this unit, and shorter ones are read. A multiple of every alignment of direct reads. */
  holeUnitBytes: 64 * KiB,
  /**
   * Aligned units of this length are not written if they are zero. Looking for them takes up to 0.2 s a GiB. Units of 4 KiB
   * take up to 2.2 s.
   */
  zeroUnitBytes: 16 * KiB,
  /** Lengths of zero ranges whose digest a thread keeps. */
  zeroDigests: 64,
  /** The memory of a data frame's payload, which is reused: everything in a frame that was not compressed. */
  dataPayloadBytes: 1 * MiB + 16 * KiB,
  /** A shorter payload gets memory of its own, because many of them may wait together. */
  leastDataPayloadBytes: 256 * KiB,
  /** Payload memory that is kept for reuse: as much as is in flight. */
  sparePayloads: 32,
  /** One read of the agent between two frames: their headers, and small frames as a whole. */
  scratchReadBytes: 64 * KiB,

  /** Data frames between their read and their place in a lane: keeps the readers and all lanes busy. */
  framesUnderWay: 16,
  /** The least number of answers to pings of which the shortest is the round-trip time; the first interval between pings. */
  roundTripSamples: 4,
  pingIntervalMs: 5,
  /** Further lanes are opened from this round trip on, after this amount of data: ssh's window is 2 MiB per round trip. */
  longRoundTripMs: 5,
  lanesAfterDataBytes: 16 * MiB,
  laneCheckIntervalMs: 50,
  /** Payload in flight where the round trip is shorter: two whole frames, one on its way while the other is written. */
  nearWindowBytes: 2 * MiB,
  /** The buffers of a lane (its own, ssh's window, TCP's) take this amount at once, however slow the link is. */
  laneBufferBytes: 4 * MiB,
  /** What one lane has in flight for certain: ssh's window is 2 MiB, but is renewed in steps, and a busy machine is late. */
  laneInFlightBytes: 512 * KiB,

  progressIntervalMs: 200,
  /** Output that a pipe or a terminal did not take is offered again after this time. */
  outputRetryMs: 20,
  /** The search for open files lets other work run after each turn. */
  openersTurnMs: 10,
  briefOpeningPollMs: 50,
  leasePollMs: 100,
  /** The checks whether the agent of an earlier attempt has ended, and whether its helpers have released the device. */
  predecessorPollMs: 50,

  /** In a run with retries, a checkpoint follows the last one after this time or this amount of data, and never overlaps it. */
  checkpointIntervalMs: 1_000,
  checkpointBytes: 128 * MiB,
  checkpointPollMs: 100,
} as const;

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

function requireAtMost(lesser: number, greater: number, what: string): void {
  if (lesser > greater) throw new Error(`limits.ts: ${what}`);
}

function requireLess(lesser: number, greater: number, what: string): void {
  if (lesser >= greater) throw new Error(`limits.ts: ${what}`);
}
