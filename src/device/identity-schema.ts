import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { StorageIdentity } from './identity.ts';
import type { Machine } from './machine.ts';
import type { StorageGap, StorageRegion } from './regions.ts';

/**
 * Checks an identity that the peer sent.
 *
 * @throws BasynError `protocol`.
 */
export function parseIdentity(value: unknown): StorageIdentity {
  const { machine, regions, gaps, fingerprint } = asRecord(value);
  if (!Array.isArray(regions) || regions.length > bounds.maxRegions) throw malformed();
  if (!Array.isArray(gaps) || gaps.length > bounds.maxGaps) throw malformed();
  if (fingerprint !== undefined && !isShortText(fingerprint)) throw malformed();
  return {
    machine: parseMachine(machine),
    regions: regions.map(parseRegion),
    gaps: gaps.map(parseGap),
    ...(fingerprint !== undefined && { fingerprint }),
  };
}

function parseMachine(value: unknown): Machine {
  const { bootId, kernel, hardware, wallMs, monotonicMs } = asRecord(value);
  if (!isShortText(bootId) || !isShortText(kernel) || !isShortText(hardware)) throw malformed();
  if (!Number.isFinite(wallMs) || !Number.isFinite(monotonicMs)) throw malformed();
  return { bootId, kernel, hardware, wallMs: wallMs as number, monotonicMs: monotonicMs as number };
}

function parseRegion(value: unknown): StorageRegion {
  const { store, startBytes, endBytes, placement } = asRecord(value);
  if (!isShortText(store) || !isOffset(startBytes) || !isOffset(endBytes)) throw malformed();
  if (placement !== 'exact' && placement !== 'within') throw malformed();
  return { store, startBytes, endBytes, placement };
}

function parseGap(value: unknown): StorageGap {
  const { mayBe, what } = asRecord(value);
  if (!isKnownGap(mayBe)) throw malformed();
  if (!isShortText(what)) throw malformed();
  return { mayBe, what };
}

const gapKinds: readonly unknown[] = ['anything', 'neighbour', 'twin', 'block device', 'elsewhere'];

function isKnownGap(value: unknown): value is StorageGap['mayBe'] {
  return gapKinds.includes(value);
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw malformed();
  return value as Record<string, unknown>;
}

function isShortText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= bounds.maxIdentityTextCharacters;
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(): BasynError {
  return new BasynError('protocol', 'The peer sent a malformed storage identity.');
}
