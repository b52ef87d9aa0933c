import { randomBytes } from 'node:crypto';
import { isSameStorage, type LastingIdentity } from '../device/device.ts';
import { BasynError, type Side } from '../errors.ts';
import type { RunAttempt } from '../protocol/schemas.ts';
import type { Role } from './order.ts';

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
}

/** What the attempts of one run have in common. */
export class Continuity {
  readonly #token = randomBytes(16).toString('hex');
  readonly #seen: Partial<Record<Side, SeenDevice>> = {};
  #attempt = 1;

  /** Names the run and the attempt: an agent recognises an earlier one of the same run. */
  get run(): RunAttempt {
    return { token: this.#token, attempt: this.#attempt };
  }

  /** Another attempt begins. */
  next(): void {
    this.#attempt++;
  }

  /** Whether an attempt has opened the device on this side. It must exist from then on. */
  hasSeen(side: Side): boolean {
    return this.#seen[side] !== undefined;
  }

  /**
   * Compares a device with the one that the first attempt had. Call it before anything is written to it.
   *
   * @returns warnings.
   * @throws {BasynError} `device`, where it is another one, or where that is not certain.
   */
  requireSame(device: SeenDevice): string[] {
    const first = (this.#seen[device.side] ??= device);
    if (first === device) return [];
    if (first.sizeBytes !== device.sizeBytes) {
      const sizes = `it had ${first.sizeBytes} bytes, and has ${device.sizeBytes} now`;
      throw otherDevice(device, `has another size than in the first attempt (${sizes})`);
    }
    switch (compare(first, device)) {
      case 'same':
        return changesOf(first, device);
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
