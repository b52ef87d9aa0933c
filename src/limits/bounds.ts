import { KiB, MiB } from './units.ts';

/** What must hold: a peer, a user or a device that exceeds a bound is refused, and memory and time depend on them. */
export const bounds = {
  /** The spec counts `--buffer` and `--chunk` in kilobytes, so 1 KiB is the smallest. */
  minBufferBytes: KiB,
  maxBufferBytes: 1024 * MiB,
  /** The blocks of dm-era are multiples of 8 sectors. */
  minChangedBlockBytes: 4 * KiB,
  maxSampleBytes: 1024 * 1024 * MiB,
  /** A snapshot has at least one extent of its group, of 4 MiB by default. A smaller number was not meant in kilobytes. */
  minSnapshotBytes: MiB,
  maxSnapshotBytes: 1024 * 1024 * 1024 * MiB,
  minPeerTimeoutMs: 1_000,
  maxPeerTimeoutMs: 86_400_000,
  maxLanes: 16,
  maxJobs: 10_000,
  maxParallelJobs: 1_000,
  maxJobFileBytes: 16 * MiB,
  /** All metrics of the most jobs take 16 MB. */
  maxMetricsFileBytes: 64 * MiB,
  minHookTimeoutMs: 1_000,
  maxHookTimeoutMs: 86_400_000,
  /** From SIGTERM to SIGKILL, for a command that takes too long. */
  hookGraceMs: 5_000,
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
  /** A shorter text in an identity: a boot id, the version of a kernel, the name of a device. */
  maxIdentityTextCharacters: 256,
  /** The type of a file system, which FUSE lets a program choose, in such a text. */
  fileSystemTypeCharacters: 32,
  /** Devices below a device: enough for a volume on a hundred disks with one partition each, and small enough for a message. */
  maxRegions: 256,
  /** Parts of the storage of a device that cannot be found out. Each of them alone makes two devices uncertain. */
  maxGaps: 16,
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
  /** Notes or warnings in one message. */
  maxNotes: 100,
  /** Parts of a text that are quoted in an error message, so that it stays readable: a wrong value, what a program printed. */
  quotedValueCharacters: 100,
  quotedOutputCharacters: 80,
  quotedIssueCharacters: 200,
  /** What ssh gives as its reason. */
  reasonCharacters: 300,
  /** The stderr of a child: no program writes longer lines for users, and node prints 20 lines of its stack below a reason. */
  stderrLineCharacters: 4096,
  stderrTailLines: 60,
  /** The first line of the loader, and what a shell may print in its place before the start fails. */
  maxBannerBytes: 256,
  maxAgentBytes: 4 * MiB,
  /** The length of the agent's program, before it. */
  agentLengthDigits: 8,
  /** Of a refusal, in the log of the system: logger(1) and syslog(3) cut a message at 1 KiB. */
  loggedCharacters: 900,
  /** The script that looks for a place for a runtime. The host reads exactly this number of bytes. */
  hostScriptBytes: 6 * KiB,
  /** A line of this script, which names a path, and lines about places that can't be used. */
  hostLineBytes: 8 * KiB,
  hostRefusals: 32,
  /** Memory of the host that a runtime leaves free: the agent and its threads need it. */
  hostMemoryReserveBytes: 256 * MiB,
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
  /** Differing ranges that a report lists. */
  reportedRanges: 10,
  /** Ranges that one message of the source reports to a local target. */
  rangesMessageExtents: 4096,
  /** Unreadable ranges that a report lists: the user may want to restore each of them. */
  reportedUnreadableRanges: 100,
  /** Unreadable ranges of a source, and bytes in them, that a run leaves out. More of them mean that the disk is gone. */
  unreadableRanges: 10_000,
  unreadableBytes: 256 * MiB,
  /** A failed read is retried in pieces of this length, or of the alignment of direct reads if that is longer. */
  retriedPieceBytes: 4 * KiB,
  /** Of direct reads. No file system requires more with current page sizes. A device with larger blocks reports them. */
  leastAlignmentBytes: 4 * KiB,
  /** The largest alignment for which direct reads are used. */
  maxAlignmentBytes: 64 * KiB,

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
  /** Checkpoints that the target has not confirmed. */
  unconfirmedCheckpoints: 64,
  /** Numbers for the groups of data frames that belong to checkpoints: what seven bits can hold. */
  frameGroups: 127,
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
  /**
   * The time in which a client must send each part of the start of a conversation to an installed agent: the length of its
   * program, the program itself beside the time that it takes at the lowest rate, and its first message.
   */
  openTimeoutMs: 120_000,
  /** The longest silence of a client of a restricted key, whatever it asks for: it holds the device meanwhile. */
  restrictedPeerTimeoutMs: 600_000,
  /** The most symbolic links that are followed to an allowed path. The kernel has the same limit. */
  followedLinks: 40,
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
  /** A program that answers a question at once: blkid, losetup, `flock -n`, `ssh -G`. */
  queryTimeoutMs: 5_000,
  /** Long enough for a detach of a loop device on a busy host. Only a device that losetup never lists takes all of it. */
  loopSettleMs: 2_000,
  /** LVM reports its volumes. It waits for other programs that change the group. */
  volumeQueryTimeoutMs: 60_000,
  /** LVM makes or removes a snapshot, which waits until the file system on the volume is frozen and its data written. */
  volumeChangeTimeoutMs: 600_000,
  /** What a program of LVM may print: some ten thousand volumes. */
  programOutputBytes: 32 * MiB,
  /** A snapshot may still be open for a moment when it is removed. */
  removalTries: 5,
  /** The same for the cleaner of a snapshot, once a second: the process that read it may wait for its disk. */
  cleanerTries: 300,
  /** A snapshot waits this time for the next attempt of its run: a night in which the link fails. */
  keptSnapshotMs: 86_400_000,
  /** An agent that keeps a snapshot for a later attempt has this time to learn that there is none. */
  agentReleaseMs: 1_000,
  /** The longest wait for an agent that was idle since the last run. After it, the run starts an agent of its own. */
  idleAgentAnswerMs: 5_000,
  /** Of several jobs: the most agents that wait for a further run. Each has threads on this host. */
  maxIdleLinks: 4,
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
  /** Runs of buffers that a phase examines. If a list has more, those with the smallest gaps are joined. */
  coverageRuns: 256 * KiB,
  /** Runs in one message: 1 MiB. */
  coverMessageRuns: 64 * KiB,
  /** Buffers that a state file may describe: 16 MiB of memory for each of its sets. With buffers of 2 MiB, 256 TiB. */
  stateFileBuffers: 128 * KiB * KiB,
  /** Pages of a state file in memory, and what is read of it at once when it is examined. */
  stateFilePages: 1024,
  stateFileReadBytes: MiB,
  /** What is kept of a list of changes that arrives in parts. No line of two numbers and a comment needs more. */
  changeList: { lineCharacters: 4096, jsonElementCharacters: 64 * KiB, xmlPartCharacters: MiB },
  /** The random places of a sample, whose list is in memory. If more bytes are wanted, the places are larger. */
  samplePlaces: 16_384,
  /** What a message repeats of the output of LVM and thin_delta. */
  lvmComplaint: { lines: 3, characters: 400 },
  thinDeltaComplaintCharacters: 8 * KiB,
  /** Lines of progress of several jobs, so that they fit onto a small terminal. The others are counted. */
  progressLines: 16,
  /** The table of a device-mapper device. */
  mappingTableBytes: MiB,
  /** Old kernels give consecutive writes to a file the same time for up to 10 ms. */
  marksSettleMs: 50,
  /** The two clocks of a kernel are read at one moment if this time lies between, in at most this number of readings. */
  clocksApartMs: 0.2,
  clockReadings: 100,
  /** The wait for a lease is this much longer than the time that the kernel gives its holder. */
  leaseGraceMs: 1_000,
  /** The time that the kernel gives the holder of a lease, where /proc does not tell it: the kernel's default. */
  leaseBreakMs: 45_000,
  /** Both hosts read their clocks while the connection is established. The user may have to type a password meanwhile. */
  clockReadingsApartMs: 600_000,
  /**
   * All containers of one kernel share its two clocks. The difference between the clocks is constant: it is the wall time
   * of the boot. Each host reads it to a millisecond. For another host that was booted in the same second, the difference
   * is the same with a probability of about one in a thousand.
   */
  clockErrorMs: 2,
  /**
   * A limited rate may make up for unused time up to this amount: timers and a busy processor are late. Within any time T,
   * at most `T + burstMs` of bytes pass, which is within 3 % of the rate over 10 s.
   */
  burstMs: 250,
  /** Under `npx`, a Ctrl-C arrives twice: from the terminal, and forwarded by npm. A signal this soon is the same request. */
  signalEchoMs: 300,
} as const;
