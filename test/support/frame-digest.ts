import { loadFrameDigest } from '../../src/digest/frame-digest.ts';

/** The digest of a data frame, for those who make one by hand. */
export const frameDigest = await loadFrameDigest();
