/** Everything about devices and files that the layers above use, except reading and writing. */
export { openDiskView, type DiskView } from './direct.ts';
export { fillWithZeros } from './fill.ts';
export { dropPageCache } from './page-cache.ts';
export { cacheReleaseOf, type CacheRelease } from './cache-release.ts';
export { checkTargetAtEnd, sourceChanges, startStateOf, type StartState } from './end-check.ts';
export {
  flush,
  nameOf,
  type DeviceHandle,
  type DeviceKind,
  type Location,
  type OpenedDevice,
  type OpenHandle,
} from './handle.ts';
export { identityAt, openSource, stacksAt } from './source.ts';
export { StackIndex } from './stack-index.ts';
export { reachAllowed } from './allowed-paths.ts';
export type { Reach } from './reach.ts';
export type { Place } from './open.ts';
export { lockFile } from './claim.ts';
export { syncDirectory } from './create.ts';
export { attachmentDoubt, doubtAbout, unknownMarks, type ContentMarks, type Doubt } from './content-marks.ts';
export { contentMarksOf, isStorage } from './mark-reader.ts';
export { openTarget } from './target.ts';
export type { TargetOptions } from './target-options.ts';
export { ZeroReleaser, type Released, type ZeroWork } from './zero-releaser.ts';
export {
  zeroPolicyOf,
  type SparseChoice,
  type WriteOutcome,
  type ZeroChoice,
  type ZeroPolicy,
} from './zeros.ts';
export { checkLength, findHoles, hasHiddenHoles, type FoundHoles } from './hole-query.ts';
export { commonHoles, holeBytesIn, holesIn, isInHole, stretchesOf, type HoleMap } from './holes.ts';
export { joinedIdentity, sharesStorage, type Stack, type StorageIdentity } from './identity.ts';
export { parseIdentity } from './identity-schema.ts';
export { isSameStorage, lastingIdentityOf, type LastingIdentity } from './lasting-identity.ts';
