import { KiB, MiB } from './units.ts';

/** What was chosen by measurement or for responsiveness. Results do not depend on it. */
export const tuning = {
  /** Differing buffers that are refined together: fewer requests and larger jobs. A larger buffer is cut. */
  refineGroupBytes: 32 * MiB,
  /** Device bytes that the source may survey ahead of the comparison. */
  aheadDataBytes: 4096 * MiB,
  /** The source reports its progress at least after this amount: it moves the window and the progress bar. */
  advanceBytes: 8 * MiB,
  /** Several jobs share the window of buffers, so that they overlap with the messages about others. */
  jobsPerWindow: 4,
  /** The window moves on in steps: often enough that the target never waits for a whole window. */
  advancesPerWindow: 8,
  /** What is read ahead should stay in the page cache, next to other programs' data. A share of the free memory. */
  aheadShareOfMemory: 0.25,
  /** A device that is larger than this share of the memory would evict what other programs need. */
  largeShareOfMemory: 0.25,
  /**
   * A large device's page cache is released whenever this amount, or share of the memory, has passed through it. Less costs
   * more flushes. Up to twice as much is cached where the disk is slow.
   */
  releasedBytes: 128 * MiB,
  releasedShareOfMemory: 1 / 16,
  refinement: {
    /** Weight of the latest observation, of some megabytes. Where everything differs, four observations are enough. */
    recentWeight: 0.3,
    /** Where more than this share of a range differs, finer digests cost more than they save. */
    worthwhileShare: 0.7,
    /** While refinement does not pay, one of this many groups is refined anyway: the next part of the disk may be different. */
    probeInterval: 16,
  },

  /** Data of one job; smaller buffers are joined. Handing over a job costs a tenth of a millisecond. */
  jobBytes: 8 * MiB,
  /** A run on one host up to this size ends before a thread has started (measured: 55 ms). */
  inlineBytes: 32 * MiB,
  /** A thread receives its next job before it has finished the current one, so that it never waits for work. */
  jobsPerThread: 2,
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
  /** The step of the comparison that checks whether released ranges read as zeros. */
  verifiedStepBytes: 64 * KiB,
  /** Lengths of zero ranges whose digest a thread keeps. */
  zeroDigests: 64,
  /** The memory of a data frame's payload, which is reused: everything in a frame that was not compressed. */
  dataPayloadBytes: 1 * MiB + 16 * KiB,
  /** A shorter payload gets memory of its own, because many of them may wait together. */
  leastDataPayloadBytes: 256 * KiB,
  /** Payload memory that is kept for reuse: as much as is in flight. */
  sparePayloads: 32,
  bottleneck: {
    /** A shorter run does not tell what limits a longer one. */
    leastRunMs: 2_000,
    /** What was busy for less of the run did not limit it. */
    leastShare: 0.5,
    /** Nothing dominates where another stage was busy for more than this part of the time of the first. */
    mostOthersShare: 0.75,
  },
  runtime: {
    /** What is packed by one thread at a time. Longer pieces are hardly smaller when packed. */
    pieceBytes: MiB,
    /** Pieces that are packed while earlier ones are sent. */
    piecesAhead: 16,
    /** Pieces that the host confirms together, at first and at most: one at first, because the link may be slow. */
    leastUnitPieces: 1,
    mostUnitPieces: 16,
    /** After a confirmation within this time, the next unit has twice the pieces. */
    quickUnitMs: 1_000,
    /** One write, whose end counts as progress. */
    writeBytes: 64 * KiB,
    /** The same at a limited rate. */
    limitedWriteMs: 1_000,
  },
  /** One read of the agent between two frames: their headers, and small frames as a whole. */
  scratchReadBytes: 64 * KiB,
  compression: {
    /**
     * Data is compressed if samples of it shrink to less than this ratio. Measured: a gain below one tenth costs more CPU
     * time than it saves on any link that ssh can fill.
     */
    worthwhileRatio: 0.9,
    sampleBytes: 8 * KiB,
    sampleCount: 4,
    /** Compressors of zlib that a thread keeps: samples and frames are compressed at two different levels. */
    openDeflaters: 2,
    /**
     * Assumed before the first measurement: level 1 of the slower algorithm on an ordinary core, and a disk of which half is
     * worth compressing.
     */
    firstGuess: { bytesPerMs: 100_000, ratio: 0.5, worthwhileShare: 0.5 },
    /** Weight of the latest frame in the speed and the ratio. */
    recentWeight: 0.15,
    /** Lower, because the share describes the whole disk rather than the neighbouring files. */
    recentShareWeight: 0.05,
    /**
     * The gain that a level needs if it uses all the time of all threads. A level that uses less time needs less. The
     * threads compete with ssh for the processors. Where ssh itself limits the link, each second taken from it is lost.
     */
    processorWeight: { boundByNetwork: 0.3, boundBySsh: 1 },
    /** With a short round trip, a link faster than gigabit Ethernet is limited by ssh. */
    gigabitBytesPerMs: 125_000,
    /** Without compression nothing is measured, so one of this many frames is compressed as a probe. */
    probeInterval: 64,
  },

  /** Data frames between their read and their place in a lane: keeps the readers and all lanes busy. */
  framesUnderWay: 16,
  /** The least number of answers to pings of which the shortest is the round-trip time; the first interval between pings. */
  roundTripSamples: 4,
  pingIntervalMs: 5,
  /** The interval grows to this share of the time so far, so that a silent peer does not receive thousands of pings. */
  pingIntervalShare: 0.1,
  /** Several signs of life may be late before the peer counts as silent. */
  beatsPerTimeout: 4,
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
  throughput: {
    /** With each further wait of `fadingMs` or longer, all earlier waits lose this share of their weight. */
    fadingShare: 0.1,
    /** A shorter wait reduces the weight of earlier ones in proportion: several lanes produce many short waits. */
    fadingMs: 30,
    /** Waits shorter than this in total are not enough: the peer and ssh are still starting, and reach half of their speed. */
    leastMeasuredMs: 100,
    /** Ignore the first 500 ms: the agent's threads and ssh's buffers are still starting and understate the link. */
    warmUpMs: 500,
  },
  rateLimit: {
    /** A piece takes this long at the limited rate, so that the rate is smooth, and all directions and lanes get their turn. */
    pieceMs: 20,
    /** A shorter piece costs more for its own handling than for its bytes. */
    leastPieceBytes: 512,
    /** As much as one read of a pipe returns. */
    mostPieceBytes: 64 * KiB,
  },
  /** The wait before the second attempt. It doubles with each further one. */
  firstRetryWaitMs: 1_000,

  /** Reads of the counters of a disk and its partitions until they belong to one moment: each takes 0.1 ms. */
  counterReadAttempts: 50,
  /** What is compared of a target before a state file that was made without it is trusted. */
  stateFileSampleBytes: 64 * MiB,

  progressIntervalMs: 200,
  progress: {
    /** On a terminal. */
    statusIntervalMs: 100,
    /** In a log. */
    logIntervalMs: 10_000,
    /** The width of a terminal that does not know it. */
    columns: 80,
    /** The speeds that are shown are those of this time, with a sample from at most each interval. */
    speedWindowMs: 5_000,
    sampleIntervalMs: 100,
    /** Within this time, older speeds lose most of their weight. Frames on a slow link come seconds apart. */
    remainingFadingMs: 20_000,
    /** What would take more than 1000 hours isn't moving. */
    mostRemainingMs: 1000 * 3_600_000,
  },
  /** The page of `--report`. It stays below 300 kB with these numbers. */
  htmlReport: {
    /**
     * Cells of the map of a device: sixteen rows of 64, so that a cell can still be seen on a phone. Where there are two maps,
     * each has half of that.
     */
    mapColumns: 64,
    mapCells: 1024,
    /** A device is not divided more finely than it is compared. */
    leastCellBytes: 4 * KiB,
    /** Rows of the table that holds the same as the map. */
    mapTableRows: 32,
    rateTableRows: 24,
    /** With several jobs: the cells of each map, and the jobs of each kind whose details are kept until the page is made. */
    jobMapCells: 256,
    detailedFailedJobs: 24,
    detailedOtherJobs: 24,
    /** The details of jobs end at this length of the page. The jobs that follow have a few lines each. */
    detailBytes: 200_000,
    /** Jobs on the page. The rest is counted. */
    listedJobs: 1_000,
    nameBytes: 100,
    /** Samples of the speeds. The first ones are this long. */
    rateSamples: 240,
    firstSampleMs: 250,
    /** A run that makes no progress for this time has stalled. */
    stallMs: 5_000,
    /** Bytes over the link that count as progress: signs of life are smaller. */
    stallTrafficBytes: 4 * KiB,
    /** What is listed of each. The rest is counted. */
    listedStalls: 20,
    listedReconnects: 20,
    listedWarnings: 30,
    listedUnreadableRanges: 40,
    listedOptions: 40,
    /** Longer texts are cut. In bytes, because a quotation mark takes six of them on the page. */
    messageBytes: 6_000,
    noticeBytes: 500,
    pathBytes: 200,
  },
  /** Of a list of differing ranges: the ranges that are in memory, and one write of the finished list. */
  rangeList: { blockRanges: 4096, writeBytes: 64 * KiB },
  /** Extents that have been sent and are not settled yet, before the settled ones are looked for. */
  movingExtents: 4096,
  /** The least time between two writes of the metrics while jobs run. */
  metricsIntervalMs: 10_000,
  /** Output that a pipe or a terminal did not take is offered again after this time. */
  outputRetryMs: 20,
  /** The search for open files lets other work run after each turn. */
  openersTurnMs: 10,
  briefOpeningPollMs: 50,
  leasePollMs: 100,
  /** Between two looks at a loop device that is being detached. The thread does nothing else meanwhile. */
  loopPollMs: 5,
  /** The number of times that an inode number is read to find out whether it is the same each time. */
  inodeNumberSamples: 3,
  /** The checks whether the agent of an earlier attempt has ended, and whether its helpers have released the device. */
  predecessorPollMs: 50,
  removalRetryMs: 200,

  /** In a run with retries, the target flushes and confirms checkpoints after this time or this amount of data. */
  checkpointIntervalMs: 1_000,
  /** The first interval, which doubles up to that: an attempt may be short. */
  firstCheckpointMs: 125,
  checkpointBytes: 128 * MiB,
  /** The least data between two checkpoints of the source: on a slow link, the first ones have to arrive soon. */
  checkpointStepBytes: MiB,
} as const;
