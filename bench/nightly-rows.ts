/** The rows of nightly work: runs that read only what can have changed, and many devices. */

import { atMost } from './check.ts';
import { basyn, blocksyncFastWithDigests, rsync, withList, withStateFile, type RemoteWork } from './peers.ts';
import { basynJobs, inLoop } from './fleet-peers.ts';
import { memoryBound } from './peak.ts';
import { overSsh, timesAsFast } from './row-parts.ts';
import type { Row } from './row.ts';

export const nightlyRows: readonly Row[] = [
  listedFar(),
  listedHuge(),
  recordedIdentical(),
  recordedFar(),
  recordedDifferent(),
  recordedHuge(),
  fleet(),
];

/** The work is small, so that starts and logins are most of it. */
function fleet(): Row {
  const work: RemoteWork = { image: 'fleet', state: 'identical', host: 'near' };
  const ours = basynJobs(work);
  const loop = inLoop(basyn(work, 'SYNC'));
  const peer = inLoop(rsync(work));
  const title = '100 identical images of 16 MiB, ssh, --jobs';
  return {
    title,
    contenders: [ours, loop, peer],
    checks: [timesAsFast(title, ours, [loop], 3), timesAsFast(title, ours, [peer], 1)],
  };
}

function listedFar(): Row {
  const work = overSsh('few', 'far');
  const plain = basyn(work, 'SYNC');
  const ours = withList(plain);
  const title = '0.1 % of 64 KiB blocks, ssh, 50 ms, --changed';
  return { title, contenders: [ours, plain], checks: [timesAsFast(title, ours, [plain], 1.2)] };
}

function listedHuge(): Row {
  const ours = withList(basyn({ image: 'huge', state: 'few', host: 'near' }, 'SYNC'));
  const title = 'sparse 10 TiB, a list of 1,000 ranges, ssh';
  return {
    title,
    contenders: [ours],
    checks: [
      {
        title,
        against: '5 s',
        needs: [ours],
        figure: ({ medianMs }) => medianMs / 5000,
        bound: atMost(1),
      },
      memoryBound(`${title}, peak memory`, ours),
    ],
  };
}

/** The target is not read. */
function recordedIdentical(): Row {
  const work: RemoteWork = { image: 'giant', state: 'identical', host: 'near' };
  const plain = basyn(work, 'SYNC');
  const ours = withStateFile(plain);
  const fast = withStateFile(basyn(work, 'SYNC', '--hash=XXH128'));
  const peer = rsync(work);
  const digests = blocksyncFastWithDigests(work);
  const title = 'identical, 6 GiB, ssh, --bitmap';
  return {
    title,
    contenders: [ours, fast, plain, peer, digests],
    checks: [
      timesAsFast(title, ours, [plain], 1.5),
      timesAsFast(title, ours, [peer], 1.3),
      timesAsFast(`${title}, XXH128`, fast, [digests], 1),
    ],
  };
}

/** Neither the unlisted parts of the source nor the equal parts of the target are read. */
function recordedFar(): Row {
  const work: RemoteWork = { image: 'large', state: 'few', host: 'far' };
  const ours = withList(withStateFile(basyn(work, 'SYNC', '--buffer=64K')));
  const plain = basyn(work, 'SYNC');
  const title = '0.1 % of 64 KiB blocks, 4 GiB, ssh, 50 ms, --changed and --bitmap';
  return { title, contenders: [ours, plain], checks: [timesAsFast(title, ours, [plain], 5)] };
}

/** The worst case of a state file: each of its digests is replaced. */
function recordedDifferent(): Row {
  const work = overSsh('different');
  const plain = basyn(work, 'SYNC');
  const ours = withStateFile(plain);
  const title = 'SYNC of different devices, ssh, --bitmap';
  return { title, contenders: [ours, plain], checks: [timesAsFast(title, ours, [plain], 1 / 1.05)] };
}

/** Opening and checking the file is what a run takes with it and not without it. */
function recordedHuge(): Row {
  const work: RemoteWork = { image: 'huge', state: 'few', host: 'near' };
  const bare = basyn(work, 'SYNC');
  const plain = withList(bare);
  const ours = withList(withStateFile(bare));
  const title = 'sparse 10 TiB, a list of 1,000 ranges, ssh, --bitmap';
  return {
    title,
    contenders: [ours, plain],
    checks: [
      {
        title,
        against: `1 s more than ${plain.name}`,
        needs: [ours, plain],
        figure: (own, other) => (own.medianMs - other.medianMs) / 1000,
        bound: atMost(1),
      },
      memoryBound(`${title}, peak memory`, ours),
    ],
  };
}
