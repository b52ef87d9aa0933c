import type { Geometry } from '../digest/geometry.ts';

/** The unit in which the file is written: a disk writes a page of this size as a whole, or it is found to be torn. */
export const pageBytes = 4096;
/** Two headers, which are written in turn. Each has room for the longest paths. */
export const headerCount = 2;
export const headerBytes = 32 * 1024;
/** At the start of each page behind the headers: the generation, and a part of the SHA-256 of the page. */
export const generationBytes = 8;
export const checksumBytes = 16;
export const bodyOffsetBytes = generationBytes + checksumBytes;
export const bodyBytes = pageBytes - bodyOffsetBytes;

/**
 * Where the marks and digests of a buffer are. The pages come in groups: one page of marks, and the pages with the digests
 * of the same buffers. So the file grows at its end when the device grows.
 */
export interface Layout {
  readonly digestBytes: number;
  readonly digestsPerPage: number;
  readonly digestPagesPerGroup: number;
  readonly buffersPerGroup: number;
}

export function layoutOf(digestBytes: number): Layout {
  const digestsPerPage = Math.floor(bodyBytes / digestBytes);
  const digestPagesPerGroup = Math.floor((bodyBytes * 8) / digestsPerPage);
  const buffersPerGroup = digestPagesPerGroup * digestsPerPage;
  return { digestBytes, digestsPerPage, digestPagesPerGroup, buffersPerGroup };
}

/** A place in the file: a page, counted from the first one behind the headers, and a position in its body. */
export interface PagePlace {
  readonly page: number;
  /** Of the digest in bytes, or of the mark in bits. */
  readonly position: number;
}

export function markPlaceOf({ digestPagesPerGroup, buffersPerGroup }: Layout, index: number): PagePlace {
  const group = Math.floor(index / buffersPerGroup);
  return { page: group * (1 + digestPagesPerGroup), position: index % buffersPerGroup };
}

export function digestPlaceOf(layout: Layout, index: number): PagePlace {
  const { digestBytes, digestsPerPage } = layout;
  const { page, position } = markPlaceOf(layout, index);
  return {
    page: page + 1 + Math.floor(position / digestsPerPage),
    position: (position % digestsPerPage) * digestBytes,
  };
}

/** The number of pages behind the headers. */
export function pageCountOf(layout: Layout, geometry: Pick<Geometry, 'sizeBytes' | 'bufferBytes'>): number {
  const bufferCount = Math.ceil(geometry.sizeBytes / geometry.bufferBytes);
  return bufferCount === 0 ? 0 : digestPlaceOf(layout, bufferCount - 1).page + 1;
}

/** Whether a page holds marks. The others hold digests. */
export function isMarkPage({ digestPagesPerGroup }: Layout, page: number): boolean {
  return page % (1 + digestPagesPerGroup) === 0;
}

export function pageOffsetBytes(page: number): number {
  return headerCount * headerBytes + page * pageBytes;
}
