import type { Extent } from '../digest/extent.ts';
import { bufferCountOf, type Geometry } from '../digest/geometry.ts';
import { BasynError } from '../errors.ts';
import type { DigestsMessage } from '../protocol/messages.ts';
import type { Recorder } from '../state-file/recorder.ts';

/** What a phase tells the state file about the target's contents. */

/** Resolves when the file says durably that the buffers with these ranges change. */
export async function announceChange(
  record: Recorder,
  extents: readonly Extent[],
  geometry: Geometry,
): Promise<void> {
  await Promise.all(
    extents.map((extent) => {
      const { firstBuffer, bufferCount } = buffersOf(extent, geometry);
      return record.willChange(firstBuffer, bufferCount);
    }),
  );
}

/** What could not be read was not written either, so the buffers have to be compared in the next run. */
export async function forgetUnread(
  record: Recorder | undefined,
  ranges: readonly Extent[],
  geometry: Geometry,
): Promise<void> {
  for (const range of ranges) {
    const { firstBuffer, bufferCount } = buffersOf(range, geometry);
    await record?.forget(firstBuffer, bufferCount);
  }
}

/**
 * A source that is the agent reports what the target will contain in buffers that differ.
 *
 * @throws {BasynError} `protocol`, where it reports buffers that do not exist.
 */
export async function learnContents(
  record: Recorder,
  { firstBuffer, digests }: DigestsMessage,
  digestBytes: number,
  geometry: Geometry,
): Promise<void> {
  const count = digests.byteLength / digestBytes;
  if (!Number.isInteger(count) || firstBuffer + count > bufferCountOf(geometry)) {
    throw new BasynError('protocol', 'The peer reported the contents of buffers that do not exist.');
  }
  await record.willChange(firstBuffer, count);
  for (let order = 0; order < count; order++) {
    const digest = digests.subarray(order * digestBytes, (order + 1) * digestBytes);
    if (digest.some((byte) => byte !== 0)) record.learn(firstBuffer + order, digest);
  }
}

function buffersOf(
  { offsetBytes, lengthBytes }: Extent,
  { bufferBytes }: Geometry,
): { readonly firstBuffer: number; readonly bufferCount: number } {
  const firstBuffer = Math.floor(offsetBytes / bufferBytes);
  return { firstBuffer, bufferCount: Math.ceil((offsetBytes + lengthBytes) / bufferBytes) - firstBuffer };
}
