/**
 * Every bound in one place. Sizes are in bytes and times in milliseconds; where a number has an origin
 * outside this file, the comment names it.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** The spec counts `--buffer` and `--chunk` in kilobytes, so 1 KiB is the smallest. */
  minBufferBytes: KiB,
  maxBufferBytes: 1024 * MiB,
  defaultBufferBytes: 2 * MiB,
  /** Finest comparison where `--chunk` is not given: the page and the sector of today's disks. */
  finestChunkBytes: 4 * KiB,
  /** Granularity of the first hash pass: hashes run at full speed from here on (measured: SHA1 1.85 GB/s). */
  blockBytes: 64 * KiB,
  /** A differing step is cut into at most this many at the next finer level: a power of two. */
  refineFanOut: 16,
  /** Buffers that differ and are looked at closer together: fewer questions, and larger jobs. A larger buffer is cut. */
  refineGroupBytes: 32 * MiB,
  /** So many groups, or parts of large buffers, are looked at closer at once: `windowDataBytes` of the device. */
  refiningParts: 16,
  /**
   * Steps whose digests are being compared. For each, both sides' digests are held, of 64 bytes at most, and then, where
   * every other step differs, half an extent until the sender has room for it: 12 MiB in all. With steps of 4 KiB, they
   * are 256 MiB of the device in each round trip.
   */
  refiningSteps: 64 * KiB,

  /** Data that is worth a job of its own; smaller buffers are joined. A job costs a tenth of a millisecond to hand over. */
  jobBytes: 8 * MiB,
  /** Up to this size a local run is over before a thread has started (measured: 55 ms). */
  inlineBytes: 32 * MiB,
  /** One read of a worker: two such pieces stay in a core's second-level cache, which made `compare` fastest. */
  pieceBytes: 128 * KiB,
  /** One direct read. Shorter ones leave a fast disk idle (measured: 128 KiB reads at half the speed of 1 MiB reads). */
  directPieceBytes: MiB,
  /** One read of data that is to be sent, digested while it is in the processor's cache. Shorter ones cost more calls. */
  digestedPieceBytes: 256 * KiB,
  /** Direct reads of a thread: one piece is looked at while the others are read. */
  directSlots: 3,
  /** Lengths of zero ranges whose digest a thread remembers. */
  zeroDigests: 64,
  /** Most device bytes described by one data frame. */
  dataFrameBytes: 1 * MiB,
  /** Most extents in one data frame. */
  dataFrameExtents: 1024,
  /** Most device bytes, and most extents, in one request for digests. */
  askBytes: 8 * MiB,
  askExtents: 4096,
  /** Most differing ranges that a recheck names. */
  reportedRanges: 10,

  /** A frame's payload. A data frame of 1 MiB that doesn't compress, its extents, and room for both. */
  maxPayloadBytes: 2 * MiB,
  /** The memory of a data frame's payload, which is used again: all that stands in one that was not compressed. */
  dataPayloadBytes: 1 * MiB + 16 * KiB,
  /** A payload that is shorter gets memory of its own, as many such may wait together. */
  leastDataPayloadBytes: 256 * KiB,
  /** So many are kept for use: the most that is under way. */
  sparePayloads: 32,
  /** Most that are in use at once; a further payload gets memory of its own length. A frame's may be a fourth of theirs. */
  takenPayloads: 48,
  /** One read of the agent between two frames: their headers, and small ones whole. */
  scratchReadBytes: 64 * KiB,
  /** Device bytes in ranges that were found and wait to be read for sending. */
  sendQueueBytes: 16 * MiB,
  /** Device bytes sent and not yet confirmed: 32 MiB keeps 640 MB/s busy at 50 ms of round trip. */
  dataWindowBytes: 32 * MiB,
  /** Buffers whose digests may be under way: by count, and by the memory that their block digests take. */
  maxWindowBuffers: 16_384,
  minWindowBuffers: 4,
  windowDigestBytes: 16 * MiB,
  /** Device bytes that may be under comparison: at 2 GB/s, a quarter of a second of round trips. */
  windowDataBytes: 512 * MiB,
  /** The same on the source's side alone, while it waits for the other one. */
  aheadDataBytes: 4096 * MiB,
  /** Messages that have arrived and were not taken yet, and their bytes, before no more is read. */
  queuedMessages: 1024,
  queuedBytes: 4 * MiB,
  /** Bytes of digests asked for and not yet received; a small request counts as `leastAskCharge`. */
  askedDigestBytes: 16 * MiB,
  leastAskCharge: 16 * KiB,
  /** Bytes that wait to be sent when a further question comes: the digests of both windows, and some room. */
  unreadAnswerBytes: 40 * MiB,
  /** The source tells how far it is at least after so much: it moves the window, and the progress bar. */
  advanceBytes: 8 * MiB,

  /** Linux device paths end at 4096; a longer one can't be opened. */
  maxPathBytes: 4096,
  maxJsonBytes: 64 * KiB,
  maxErrorMessageCharacters: 4096,
  /** The loader's first line, and what a noisy shell may print before we give up. */
  maxBannerBytes: 256,
  maxAgentBytes: 4 * MiB,

  /** The search for those who have a device open ends after so long, and lets other work go on after each turn. */
  openersScanMs: 500,
  openersTurnMs: 10,
  /** Programs that watch devices open them for a moment: who has it open for longer uses it. */
  briefOpeningMs: 1_000,
  briefOpeningPollMs: 50,
  /** A lease on a file is asked for so often, and a second longer than the kernel gives its holder. */
  leasePollMs: 100,
  leaseGraceMs: 1_000,

  maxWorkers: 8,
  /** Of a thread, which needs some 5 MiB: its buffers lie elsewhere. Without, node collects garbage for 20 s before it gives up. */
  threadHeapMiB: 64,
  /** Of that, for what is young: without a bound, up to 48 MiB of garbage. */
  threadYoungHeapMiB: 6,
  /** Data frames between their reading and their place in a lane: keeps the readers and all lanes busy. */
  framesUnderWay: 16,
  /** The same, before it is known how fast the lanes take them. */
  firstFrames: 4,
  /** The least number of answers to pings of which the shortest is the round-trip time; the first interval between pings. */
  roundTripSamples: 4,
  pingIntervalMs: 5,
  /** Further lanes are opened from this round trip on, after this amount of data: ssh's window is 2 MiB per round trip. */
  longRoundTripMs: 5,
  /** Payload in flight where the round trip is shorter: two whole frames, one on its way while the other is written. */
  nearWindowBytes: 2 * MiB,
  /** The buffers of a lane (its own, ssh's window, TCP's) take this amount at once, however slow the link is. */
  laneBufferBytes: 4 * MiB,
  lanesAfterDataBytes: 16 * MiB,
  laneCheckIntervalMs: 50,
  /** The time in which a further lane must send its token and its confirmation. */
  laneTokenTimeoutMs: 120_000,
  /** Until its first byte, a further lane may be silent for this number of timeouts: the peer may not have opened it yet. */
  newLaneTimeouts: 3,
  /** An agent that has ended its conversation waits so long for its last words to be taken. */
  lastWordsTimeoutMs: 60_000,
  /** Where text comes in place of the banner, it has so long to end: then it was no profile, and node never started. */
  otherTextGraceMs: 2_000,
  /** The ssh of a failed run has so long to end by itself, so that its status can be told. */
  exitGraceMs: 500,
  /** The stderr of a child that has ended is read for so long; shorter than the former, so that its words can be told. */
  stderrGraceMs: 200,
  /** A lane's end is held back so long for the reason to arrive over the first one. */
  laneEndGraceMs: 1_000,
  maxLanes: 16,
  /** Lanes within the first connection: with it, about as many windows as a TCP connection has room for. */
  maxSharedLanes: 3,
  defaultLanes: 4,

  /** From the start of ssh to the agent's banner, at least, where a person may have to type a password. */
  bannerTimeoutMs: 120_000,
  /** Without a byte from the other side for so long, the run ends. `--timeout` sets it. */
  defaultPeerTimeoutMs: 60_000,
  minPeerTimeoutMs: 1_000,
  maxPeerTimeoutMs: 86_400_000,
  /** A control socket that nobody listens on counts as left behind after this time. */
  staleSocketAgeMs: 3_600_000,
  /**
   * So many times the timeout, a side that has nothing to do waits for a peer that says neither that it works nor that it
   * flushes. A frame of 1 MiB takes a tenth of it at 17 KB/s, with the default timeout.
   */
  stallTimeouts: 10,
  /** A child is asked to end, and after this killed. */
  killAfterMs: 2_000,
  /** A program that we ask for one system call. */
  helperTimeoutMs: 60_000,
  progressIntervalMs: 200,

  /** Text for stdout or stderr that waits for a slow reader, before lines of a trace are dropped. */
  queuedOutputCharacters: 256 * KiB,
  /** What a pipe or a terminal didn't take is offered again after so long. */
  outputRetryMs: 20,
  /** After a signal, the reader of the output has so long to take what is left of it. */
  outputGraceMs: 500,
  /** After a signal, a run that has not ended by then is given up: a device or a child does not answer. More than `killAfterMs`. */
  giveUpAfterSignalMs: 2_500,

  /** Offsets are 64-bit on the wire and doubles here: the largest exact one. */
  maxOffsetBytes: Number.MAX_SAFE_INTEGER,
} as const;
