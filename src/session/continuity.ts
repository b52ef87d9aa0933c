import { randomBytes } from 'node:crypto';
import { isSameStorage, type LastingIdentity } from '../device/device.ts';
import { BasynError, type Side } from '../errors.ts';
import type { Plan, RunAttempt } from '../protocol/schemas.ts';
import type { PhaseCounts, PhaseName } from '../report.ts';
import type { Durable } from './settled.ts';
import { Findings } from './compare/findings.ts';
import type { Role } from './order.ts';
import type { Resumption } from './phase.ts';

/** A device of an attempt, as a later attempt compares it. */
export interface SeenDevice {
  readonly side: Side;
  readonly role: Role;
  readonly path: string;
  readonly sizeBytes: number;
  /** Undefined where the peer reports none. */
  readonly lasting: LastingIdentity | undefined;
  /** Of a regular file: its size and times. */
  readonly fingerprint: string | undefined;
  /** Bytes of a target from here on are new in this attempt. */
  readonly newFromBytes: number | undefined;
  /** Names the snapshot that is read in its place. */
  readonly snapshot?: string | undefined;
}

/** The outcome of a comparison with the first attempt. */
export interface SameDevice {
  readonly warnings: string[];
  /** The source is another moment: nothing that was done before counts. */
  readonly startsAgain: boolean;
}

const nothing: Durable = {
  doneBuffers: 0,
  found: new Findings().found(),
  writtenBytes: 0,
  releasedBytes: 0,
};

/** What the attempts of one run have in common. */
export class Continuity implements Resumption {
  readonly #token = randomBytes(16).toString('hex');
  readonly #seen: Partial<Record<Side, SeenDevice>> = {};
  /** The attempt that saw the device first. */
  readonly #seenIn: Partial<Record<Side, number>> = {};
  #attempt = 1;
  #finishedPhases = 0;
  #plan: Plan | undefined;
  /** Of the phase that was begun: what this attempt began with, and what the next one can rely on. */
  #base: Durable = nothing;
  #durable: Durable = nothing;
  #movedBytes = 0;
  #hasProgress = false;

  /** Names the run and the attempt: an agent recognises an earlier one of the same run. */
  get run(): RunAttempt {
    return { token: this.#token, attempt: this.#attempt };
  }

  /** Another attempt begins. */
  next(): void {
    this.#attempt++;
    this.#base = this.#durable;
    this.#movedBytes = 0;
    this.#hasProgress = false;
  }

  /** Whether this attempt has come further than the one before. */
  get hasProgress(): boolean {
    return this.#hasProgress;
  }

  /** Device bytes that this attempt has moved, and that the next one cannot rely on. */
  get lostBytes(): number {
    const reliedOn = this.#durable.found.differingBytes - this.#base.found.differingBytes;
    return Math.max(0, this.#movedBytes - reliedOn);
  }

  /** Where the next attempt continues. */
  get fromBytes(): number {
    if (this.#plan === undefined) return 0;
    return Math.min(this.#durable.doneBuffers * this.#plan.bufferBytes, this.#plan.sizeBytes);
  }

  /** The phases that are left. */
  phasesLeft(phases: readonly PhaseName[]): readonly PhaseName[] {
    return phases.slice(this.#finishedPhases);
  }

  /** The plan of a phase for this attempt: it continues where the last one can be relied on, and makes checkpoints. */
  continued(plan: Plan): Plan {
    this.#plan = plan;
    // What could not be read is reported at the end of a phase. An interrupted phase begins again, so that nothing is lost.
    if (plan.readErrors === 'skip') return plan;
    const { doneBuffers } = this.#base;
    return { ...plan, ...(doneBuffers > 0 && { fromBuffer: doneBuffers }), checkpoints: true };
  }

  /** A checkpoint of this attempt is complete. */
  onDurable({ doneBuffers, found, writtenBytes, releasedBytes }: Durable): void {
    this.#hasProgress = true;
    this.#durable = {
      doneBuffers,
      found: Findings.joined(this.#base.found, found).found(),
      // Without what was written behind the checkpoint: it is sent again.
      writtenBytes: this.#base.writtenBytes + Math.min(writtenBytes, found.differingBytes),
      releasedBytes: this.#base.releasedBytes + releasedBytes,
    };
  }

  onMoved(lengthBytes: number): void {
    this.#movedBytes += lengthBytes;
  }

  /** The phase has ended, and is run once more. Nothing of it can be relied on. */
  beginPhaseAgain(): void {
    this.#base = this.#durable = nothing;
    this.#hasProgress = true;
  }

  /** The phase has ended. Returns the counts of all attempts together. */
  phaseEnded(counts: PhaseCounts): PhaseCounts {
    const { found, writtenBytes, releasedBytes } = this.#base;
    const later = { ...counts, differingRanges: [...counts.differingRanges], differingEndBytes: null };
    this.#finishedPhases++;
    this.#base = this.#durable = nothing;
    this.#movedBytes = 0;
    this.#hasProgress = true;
    return {
      ...counts,
      ...Findings.joined(found, later).differences(),
      writtenBytes: writtenBytes + counts.writtenBytes,
      releasedBytes: releasedBytes + counts.releasedBytes,
    };
  }

  /** Where the new bytes of the device on this side begin, as the first attempt that opened it reported. */
  newFromBytes(side: Side): number | undefined {
    return this.#seen[side]?.newFromBytes;
  }

  /** Whether an attempt may have created or extended the device on this side before any attempt got an answer from it. */
  mayHaveMoreNew(side: Side): boolean {
    return (this.#seenIn[side] ?? 1) > 1;
  }

  /** Whether an attempt has opened the device on this side. It must exist from then on. */
  hasSeen(side: Side): boolean {
    return this.#seen[side] !== undefined;
  }

  /**
   * Compares a device with the one that the first attempt had. Call it before anything is written to it. If the snapshot of
   * the source is another one, the run starts again: two moments must never be mixed.
   * @throws {BasynError} `device`, where it is another one, or where that is not certain.
   */
  requireSame(device: SeenDevice): SameDevice {
    const first = (this.#seen[device.side] ??= device);
    this.#seenIn[device.side] ??= this.#attempt;
    if (first === device) return { warnings: [], startsAgain: false };
    if (first.snapshot !== device.snapshot) {
      if (first.snapshot === undefined || device.snapshot === undefined) {
        throw otherDevice(device, 'is read from a snapshot in some attempts only');
      }
      return { warnings: [this.#startAgain(device)], startsAgain: true };
    }
    if (first.sizeBytes !== device.sizeBytes) {
      const sizes = `it had ${first.sizeBytes} bytes, and has ${device.sizeBytes} now`;
      throw otherDevice(device, `has another size than in the first attempt (${sizes})`);
    }
    switch (compare(first, device)) {
      case 'same':
        return { warnings: changesOf(first, device), startsAgain: false };
      case 'different':
        throw otherDevice(device, 'is another device or file than in the first attempt');
      case 'unknown':
        throw otherDevice(
          device,
          'may be another device or file than in the first attempt: its host has been started again, and it has no ' +
            'lasting identity (a WWN, a serial number or a UUID)',
        );
    }
  }

  /** @returns a warning. */
  #startAgain(device: SeenDevice): string {
    this.#seen[device.side] = device;
    this.#finishedPhases = 0;
    this.#plan = undefined;
    this.#base = this.#durable = nothing;
    const { side, path } = device;
    return (
      `${side} source ${path}: the snapshot of the earlier attempts is gone. ` +
      'This attempt starts again at offset 0, with a new snapshot.'
    );
  }
}

function compare(
  { lasting: first }: SeenDevice,
  { lasting: now }: SeenDevice,
): 'same' | 'different' | 'unknown' {
  return first === undefined || now === undefined ? 'unknown' : isSameStorage(first, now);
}

function changesOf(first: SeenDevice, { side, role, path, fingerprint }: SeenDevice): string[] {
  if (role === 'target' || modifiedNsOf(first.fingerprint) === modifiedNsOf(fingerprint)) return [];
  return [`${side} source ${path} was modified between two attempts: the result may be inconsistent.`];
}

/** A fingerprint has the size, the time of modification, and the time of the last change. */
function modifiedNsOf(fingerprint: string | undefined): string | undefined {
  return fingerprint?.split(' ')[1];
}

function otherDevice({ side, role, path }: SeenDevice, what: string): BasynError {
  const sentence = `${side} ${role} ${path} ${what}. Nothing was written to it in this attempt.`;
  return new BasynError('device', sentence, { side, device: path });
}
