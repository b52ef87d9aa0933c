import { randomInt } from 'node:crypto';
import { unknownMarks, attachmentDoubt, doubtAbout, type ContentMarks } from '../device/device.ts';
import type { HashName } from '../digest/hash-names.ts';
import { assert, BasynError } from '../errors.ts';
import { tuning } from '../limits.ts';
import { fileError } from './file-errors.ts';
import type { Header } from './header.ts';
import { createStateFile, openStateFile, type FileAccess } from './open.ts';
import type { StateFile } from './state-file.ts';
import { isSameTarget, judge, nameOf, type RecordedTarget } from './verdict.ts';

/** How buffers are digested. A file holds digests of one kind. */
export interface DigestKind {
  readonly hash: HashName;
  readonly bufferBytes: number;
  readonly blockBytes: number;
}

export interface RecorderOptions {
  readonly path: string;
  /** The target as the user wrote it. Undefined: the file is made from the source alone. */
  readonly target: Pick<RecordedTarget, 'host' | 'path'> | undefined;
  /** `read`: a dry run, which does not change the file either. */
  readonly access: FileAccess;
  /** `rebuild`: what the file knows is discarded. `use`, without a target: only if it belongs to no target yet. */
  readonly contents: 'use' | 'rebuild';
  readonly trust: 'proved' | 'given';
  /** The share of the device that is compared although the file knows it, a further part in each run. */
  readonly scrubPercent: number;
}

/** What a run knows when both devices are open. */
export interface RecordedRun extends DigestKind {
  readonly sizeBytes: number;
  /** Undefined where there is no target. */
  readonly target: Pick<RecordedTarget, 'marks'> | undefined;
  readonly sourceMarks: ContentMarks;
}

/** What the file is worth in a run. */
export interface RecorderReport {
  readonly path: string;
  readonly bufferCount: number;
  /** Buffers of the target that the file describes, so that they are not read. */
  readonly knownBuffers: number;
  /** Why the file was not used. */
  readonly reason?: string;
}

/**
 * Knows the target's contents from earlier runs, and learns them from this one. Whatever it does not know is read.
 *
 * A digest that it has learned counts only when the run has ended well ({@link end}): the target has flushed, and nothing
 * else has written to the source between the moment when it was digested and the moment when it was sent.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly warnings: string[] = [];
  #file: StateFile | undefined;
  #isDamaged: boolean;
  #run: RecordedRun | undefined;
  #reason: string | undefined;
  /** Buffers that are compared although the file knows them. */
  #doubted: (index: number) => boolean = () => false;
  #nextScrubBuffer = 0;
  /** Whether everything that happened to the target since the last run is known. */
  #isCertain = true;
  #areChangesCertain = true;
  #mistakes = 0;

  private constructor(options: RecorderOptions, file: StateFile | 'damaged' | undefined) {
    this.#options = options;
    this.#file = file === 'damaged' ? undefined : file;
    this.#isDamaged = file === 'damaged';
  }

  /**
   * Opens the file, if it exists. Until {@link close}, no other run can use it.
   *
   * @throws {BasynError} `refused`, if it is no state file, another run uses it, or it belongs to a target that the options do
   *   not name; `device`, if it cannot be read.
   */
  static async open(options: RecorderOptions): Promise<Recorder> {
    const recorder = new Recorder(options, await openStateFile(options.path, options.access));
    try {
      recorder.#requireNoTarget();
      return recorder;
    } catch (error) {
      recorder.close();
      throw error;
    }
  }

  get path(): string {
    return this.#options.path;
  }

  /** The kind of digests in the file, also if they will be discarded. Undefined without a file. */
  get kind(): DigestKind | undefined {
    const header = this.#file?.header;
    return header && { hash: header.hash, bufferBytes: header.bufferBytes, blockBytes: header.blockBytes };
  }

  /** Names the source and the target, in hexadecimal. Undefined before {@link begin}, and where a dry run has no file. */
  get pairId(): string | undefined {
    return this.#file?.header.fileId;
  }

  /** What the last run has kept for the volume manager of the source. `null`: nothing, or the file is not used. */
  get base(): unknown {
    return this.#reason === undefined ? (this.#file?.header.base ?? null) : null;
  }

  /** Buffers of the target, from surveys and answers, that were not what the file said. */
  get mistakes(): number {
    return this.#mistakes;
  }

  report(): RecorderReport {
    const { path } = this.#options;
    const bufferCount = this.#run === undefined ? 0 : Math.ceil(this.#run.sizeBytes / this.#run.bufferBytes);
    let knownBuffers = 0;
    for (let index = 0; index < bufferCount; index++) if (this.isKnown(index)) knownBuffers++;
    return { path, bufferCount, knownBuffers, ...(this.#reason !== undefined && { reason: this.#reason }) };
  }

  /**
   * Both devices are open, and nothing was written. Decides what the file is worth. Call it in each attempt of a run.
   *
   * @throws {BasynError} `refused`, where the file holds digests of another kind; `device`, where it cannot be used.
   */
  async begin(run: RecordedRun): Promise<void> {
    if (this.#run !== undefined) {
      this.#beginAgain(run);
      return;
    }
    this.#run = run;
    const reason = await this.#reasonAgainstFile(run);
    if (reason === undefined) await this.#use(run);
    else await this.#startAnew(run, reason);
    const target = this.#targetOf(run);
    // A file without a target gets one at the end, when the sample was compared. If this run is interrupted, the next one
    // compares everything.
    const isBound = this.#file?.header.target !== null;
    if (target !== undefined && isBound && this.#options.access === 'update') this.#file?.describe(target);
  }

  isKnown(index: number): boolean {
    return this.#isReadable && this.#file?.isKnown(index) === true && !this.#doubted(index);
  }

  /** The digest of a buffer of the target. Undefined where it has to be read. */
  digestOf(index: number): Uint8Array | undefined {
    return this.isKnown(index) ? this.#file?.digestOf(index) : undefined;
  }

  /** The target was read. Counts a mistake if the file says something else. */
  verify(index: number, digest: Uint8Array): void {
    const known = this.#isReadable ? this.#file?.digestOf(index) : undefined;
    if (known !== undefined && Buffer.compare(known, digest) !== 0) this.#mistakes++;
  }

  /** Somebody else has found buffers that are not what the file says. */
  countMistakes(count: number): void {
    this.#mistakes += count;
  }

  /** Buffers of the target are about to be written. Resolves when the file says so, durably. */
  async willChange(firstBuffer: number, bufferCount: number): Promise<void> {
    if (this.#options.access === 'update') await this.#file?.willChange(firstBuffer, bufferCount);
  }

  /** What a buffer of the target contains when it has flushed. */
  learn(index: number, digest: Uint8Array): void {
    if (this.#options.access === 'update') this.#file?.learn(index, digest);
  }

  /** What was learned about buffers does not count after all. They stay marked. */
  async forget(firstBuffer: number, bufferCount: number): Promise<void> {
    await this.willChange(firstBuffer, bufferCount);
    if (this.#options.access === 'update') this.#file?.forget(firstBuffer, bufferCount);
  }

  /** Not all that was left out is known, so nothing that was sent counts. */
  forgetChanges(): void {
    this.#areChangesCertain = false;
  }

  /** The file was found to be wrong. Nothing that it says counts any more. */
  async distrust(reason: string): Promise<void> {
    assert(this.#run !== undefined, 'a state file was distrusted before the run began');
    this.#mistakes = 0;
    await this.#startAnew(this.#run, reason);
  }

  /**
   * The run has ended well: the target has flushed, and both devices are still open.
   *
   * @param marks of both devices at the end.
   * @param base for {@link Recorder.base} of the next run.
   */
  async end(
    marks: { source: ContentMarks; target: ContentMarks | undefined },
    base: unknown = null,
  ): Promise<void> {
    const [run, file] = [this.#run, this.#file];
    if (run === undefined || file === undefined || this.#options.access === 'read') return;
    const isSourceUnchanged = doubtAbout(run.sourceMarks, marks.source) === undefined;
    await file.commit(isSourceUnchanged && this.#areChangesCertain ? 'everything' : 'what was found equal');
    const ownMarks = this.#isCertain ? marks.target : undefined;
    const found = this.#targetOf(run);
    const target = found === undefined ? null : { ...found, marks: ownMarks ?? unknownMarks };
    await file.finish({ target, scrubBuffer: this.#nextScrubBuffer, base });
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #targetOf({ target }: RecordedRun): RecordedTarget | undefined {
    const named = this.#options.target;
    return target === undefined || named === undefined ? undefined : { ...named, ...target };
  }

  /** In a dry run, a file that is not trusted can't be started anew: it is ignored. */
  get #isReadable(): boolean {
    return this.#reason === undefined || this.#options.access === 'update';
  }

  /** Why nothing in the file counts. Undefined: it does. */
  async #reasonAgainstFile(run: RecordedRun): Promise<string | undefined> {
    const file = this.#file;
    const target = this.#targetOf(run);
    if (target === undefined) return 'it is made from the source alone';
    if (this.#isDamaged) return this.#warn('it is damaged');
    if (file === undefined) return 'it does not exist yet';
    if (this.#options.contents === 'rebuild') return 'it is made anew, as requested';
    this.#requireKind(run, file.header);
    const verdict = judge(file.header, target, this.#options.trust);
    if (verdict.uses === 'nothing') return verdict.isExpected ? verdict.reason : this.#warn(verdict.reason);
    const damagedPages = await file.examine();
    // After an interrupted run, pages that were being written may be torn. Their buffers are unknown.
    if (damagedPages > 0 && file.header.state === 'clean')
      return this.#warn(`it is damaged (${damagedPages} pages)`);
    if (verdict.warning !== undefined) this.warnings.push(`State file ${file.path} ${verdict.warning}.`);
    return undefined;
  }

  #warn(reason: string): string {
    this.warnings.push(
      `State file ${this.#options.path} is not used, because ${reason}. Everything is compared.`,
    );
    return reason;
  }

  /** What a file knows about a target is not discarded because somebody forgot to name the target. */
  #requireNoTarget(): void {
    const { target, contents, path } = this.#options;
    const recorded = this.#file?.header.target ?? null;
    if (target !== undefined || contents === 'rebuild' || recorded === null) return;
    const message =
      `State file ${path} describes ${nameOf(recorded)}, and would be made anew from the source alone. It was left as it is: ` +
      'name the target to use it.';
    throw new BasynError('refused', message, { side: 'local', device: path, remedy: 'update-bitmap' });
  }

  #requireKind({ hash, bufferBytes, blockBytes }: RecordedRun, header: Header): void {
    if (hash === header.hash && bufferBytes === header.bufferBytes && blockBytes === header.blockBytes)
      return;
    throw fileError(
      'refused',
      this.#options,
      `holds ${header.hash} digests of buffers of ${header.bufferBytes / 1024} KiB in blocks of ` +
        `${header.blockBytes / 1024} KiB, and this run uses others. Use the same hash, buffer and chunk, or rebuild it.`,
    );
  }

  async #use({ sizeBytes, bufferBytes }: RecordedRun): Promise<void> {
    const file = this.#file!;
    const { header } = file;
    const bufferCount = Math.ceil(sizeBytes / bufferBytes);
    if (sizeBytes !== header.sizeBytes && this.#options.access === 'update') await file.resize(sizeBytes);
    const isCut = (index: number): boolean =>
      index >= Math.floor(Math.min(sizeBytes, header.sizeBytes) / bufferBytes);
    const isResized = sizeBytes !== header.sizeBytes;
    const scrubCount = Math.min(bufferCount, Math.ceil((bufferCount * this.#options.scrubPercent) / 100));
    const scrubFirst = header.scrubBuffer < bufferCount ? header.scrubBuffer : 0;
    this.#nextScrubBuffer = bufferCount === 0 ? 0 : (scrubFirst + scrubCount) % bufferCount;
    const isScrubbed = (index: number): boolean =>
      (index - scrubFirst + bufferCount) % bufferCount < scrubCount;
    const isSampled = header.target === null ? sampleOf(bufferCount, bufferBytes) : () => false;
    this.#doubted = (index) => (isResized && isCut(index)) || isScrubbed(index) || isSampled(index);
  }

  async #startAnew(run: RecordedRun, reason: string): Promise<void> {
    this.#reason = reason;
    this.#doubted = () => false;
    this.#nextScrubBuffer = 0;
    if (this.#options.access === 'read') return;
    const target = this.#targetOf(run) ?? null;
    const { sizeBytes, hash, bufferBytes, blockBytes } = run;
    const file = this.#file;
    // The file of another target may be a copy. Its id names the pair of the original, which may have a base.
    const recorded = file?.header.target ?? null;
    const isSamePair = recorded === null || target === null || isSameTarget(recorded, target);
    if (file !== undefined && isSamePair && isSameKind(file.header, run)) {
      await file.startAnew({ sizeBytes, target });
      return;
    }
    file?.close();
    // If the new one cannot be created, the old one must not be closed again.
    this.#file = undefined;
    const first = { sizeBytes, hash, bufferBytes, blockBytes, target };
    const existing = this.#isDamaged || file !== undefined ? 'replaced' : 'none';
    this.#file = await createStateFile(
      this.#options.path,
      first,
      existing,
      isSamePair ? file?.header.fileId : undefined,
    );
  }

  /** Another attempt. Its target has our own writes in its counters. */
  #beginAgain(run: RecordedRun): void {
    const first = this.#run?.target;
    if (first === undefined || run.target === undefined) return;
    if (attachmentDoubt(first.marks, run.target.marks) === undefined) return;
    // The next run compares everything.
    this.#isCertain = false;
  }
}

function isSameKind(header: Header, { hash, bufferBytes, blockBytes }: DigestKind): boolean {
  return header.hash === hash && header.bufferBytes === bufferBytes && header.blockBytes === blockBytes;
}

/** Buffers at random places: all of them if the device is not larger than the sample. */
function sampleOf(bufferCount: number, bufferBytes: number): (index: number) => boolean {
  const count = Math.ceil(tuning.stateFileSampleBytes / bufferBytes);
  if (count >= bufferCount) return () => true;
  const sample = new Set<number>();
  while (sample.size < count) sample.add(randomInt(bufferCount));
  return (index) => sample.has(index);
}
