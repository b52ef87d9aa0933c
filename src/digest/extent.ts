/** A range of a device. */
export interface Extent {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export function totalBytes(extents: readonly Extent[]): number {
  return extents.reduce((sum, extent) => sum + extent.lengthBytes, 0);
}

/** The steps of `extent`, in order. The last may be short. */
export function* cut(extent: Extent, stepBytes: number): Generator<Extent, void> {
  const endBytes = extent.offsetBytes + extent.lengthBytes;
  for (let offsetBytes = extent.offsetBytes; offsetBytes < endBytes; offsetBytes += stepBytes) {
    yield { offsetBytes, lengthBytes: Math.min(stepBytes, endBytes - offsetBytes) };
  }
}

/** The steps of all `extents`, as {@link cut} returns them. A plain loop, because a thread calls it for each job. */
export function cutAll(extents: readonly Extent[], stepBytes: number): Extent[] {
  const steps: Extent[] = [];
  for (const extent of extents) {
    const endBytes = extent.offsetBytes + extent.lengthBytes;
    for (let offsetBytes = extent.offsetBytes; offsetBytes < endBytes; offsetBytes += stepBytes) {
      steps.push({ offsetBytes, lengthBytes: Math.min(stepBytes, endBytes - offsetBytes) });
    }
  }
  return steps;
}

/** The parts of `extents` that are not in `removed`, in the order of `extents`. */
export function without(extents: readonly Extent[], removed: readonly Extent[]): Extent[] {
  if (removed.length === 0) return [...extents];
  const ascending = [...removed].sort((a, b) => a.offsetBytes - b.offsetBytes);
  const parts: Extent[] = [];
  for (const extent of extents) {
    let atBytes = extent.offsetBytes;
    const endBytes = extent.offsetBytes + extent.lengthBytes;
    for (const { offsetBytes, lengthBytes } of ascending) {
      if (offsetBytes >= endBytes) break;
      if (offsetBytes > atBytes) parts.push({ offsetBytes: atBytes, lengthBytes: offsetBytes - atBytes });
      atBytes = Math.max(atBytes, offsetBytes + lengthBytes);
    }
    if (atBytes < endBytes) parts.push({ offsetBytes: atBytes, lengthBytes: endBytes - atBytes });
  }
  return parts;
}

/** The parts of `extents` that are in `range`. */
export function within(extents: readonly Extent[], range: Extent): Extent[] {
  const rangeEndBytes = range.offsetBytes + range.lengthBytes;
  return extents.flatMap(({ offsetBytes, lengthBytes }) => {
    const startBytes = Math.max(offsetBytes, range.offsetBytes);
    const endBytes = Math.min(offsetBytes + lengthBytes, rangeEndBytes);
    return startBytes < endBytes ? [{ offsetBytes: startBytes, lengthBytes: endBytes - startBytes }] : [];
  });
}

/**
 * The same bytes in as few extents as possible, of which {@link cut} returns the same steps: an extent that ends within a
 * step is not joined to the next one. `extents` do not overlap, and keep their order.
 */
export function joinNeighbours(extents: Iterable<Extent>, stepBytes = 1): Extent[] {
  const joined: Extent[] = [];
  for (const extent of extents) {
    const last = joined.at(-1);
    const isNeighbour = last !== undefined && last.offsetBytes + last.lengthBytes === extent.offsetBytes;
    if (isNeighbour && last.lengthBytes % stepBytes === 0) {
      joined[joined.length - 1] = {
        offsetBytes: last.offsetBytes,
        lengthBytes: last.lengthBytes + extent.lengthBytes,
      };
    } else {
      joined.push(extent);
    }
  }
  return joined;
}
