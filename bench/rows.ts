/** The table of the benchmark as data: what is measured, and the required results. */

import { atLeast, atMost } from './check.ts';
import {
  basyn,
  basynRecheck,
  bdsync,
  blocksyncFast,
  cmp,
  cold,
  cp,
  dd,
  ddOverSsh,
  emptyNodeProgram,
  onSmallMachine,
  rblocksync,
  rsync,
  type RemoteWork,
  type Work,
} from './peers.ts';
import { nightlyRows } from './nightly-rows.ts';
import { memoryBound } from './peak.ts';
import { overSsh, timesAsFast } from './row-parts.ts';
import type { Row } from './row.ts';
import type { Summary } from './summary.ts';

export const rows: readonly Row[] = [
  identicalHere(),
  changedHere(),
  copyHere(),
  startUp(),
  identical(),
  identicalFar(),
  changedFar(),
  copy(),
  copyOverGigabit(),
  changedOverGigabit(),
  different(),
  limited(),
  sparse(),
  thinCopyHere(),
  thinCopy(),
  thinIdentical(),
  ...nightlyRows,
  coldSync(),
  coldCopy(),
];

function identicalHere(): Row {
  const work: Work = { image: 'large', state: 'identical' };
  const ours = basyn(work, 'SYNC');
  const peer = cmp(work);
  return {
    title: 'identical, local',
    contenders: [ours, peer, blocksyncFast(work), rblocksync(work)],
    checks: [timesAsFast('identical, local', ours, [peer], 1.9)],
  };
}

function changedHere(): Row {
  const work: Work = { image: 'large', state: 'changed' };
  const ours = basyn(work, 'SYNC');
  const peer = cmp(work);
  return {
    title: '1 % of 4 KiB blocks, local',
    contenders: [ours, peer, blocksyncFast(work), rblocksync(work)],
    checks: [timesAsFast('1 % of 4 KiB blocks, local', ours, [peer], 1.7)],
  };
}

function copyHere(): Row {
  const work: Work = { image: 'large', state: 'changed' };
  const ours = basyn(work, 'COPY');
  const peer = dd(work);
  return {
    title: 'COPY, local',
    contenders: [ours, peer],
    checks: [timesAsFast('COPY, local', ours, [peer], 1)],
  };
}

function startUp(): Row {
  const work: Work = { image: 'small', state: 'changed' };
  const ours = basyn(work, 'SYNC');
  const peer = emptyNodeProgram(work);
  return {
    title: 'two 1 MiB files, local',
    contenders: [ours, peer],
    checks: [
      {
        title: 'two 1 MiB files, local, whole process',
        against: `the time of ${peer.name}`,
        needs: [ours, peer],
        figure: (own, other) => own.medianMs / other.medianMs,
        bound: atMost(2),
      },
    ],
  };
}

function identical(): Row {
  const work = overSsh('identical');
  const sha1 = basyn(work, 'SYNC');
  const xxh128 = basyn(work, 'SYNC', '--hash=XXH128');
  const peer = rsync(work);
  return {
    title: 'identical, ssh',
    contenders: [sha1, xxh128, peer, bdsync(work), rblocksync(work)],
    checks: [
      timesAsFast('identical, ssh, SHA1', sha1, [peer], 1.25),
      timesAsFast('identical, ssh, XXH128', xxh128, [peer], 1.7),
    ],
  };
}

/** The time of connection set-up is the time of a tiny file over the same link. */
function identicalFar(): Row {
  const far = overSsh('identical', 'far');
  const ours = basyn(far, 'SYNC');
  const near = { ...basyn(overSsh('identical'), 'SYNC'), name: 'basyn, 0 ms' };
  const setUpFar = { ...ours, image: 'tiny', name: 'basyn, 4 KiB file' } as const;
  const setUpNear = { ...near, image: 'tiny', name: 'basyn, 0 ms, 4 KiB file' } as const;
  return {
    title: 'identical, ssh, 50 ms',
    contenders: [ours, near, setUpFar, setUpNear, rsync(far), bdsync(far), rblocksync(far)],
    checks: [
      {
        title: 'identical, ssh, 50 ms, set-up taken off',
        against: 'basyn, 0 ms',
        needs: [ours, near, setUpFar, setUpNear],
        figure: (atFar, atNear, upFar, upNear) =>
          (atNear.medianMs - upNear.medianMs) / (atFar.medianMs - upFar.medianMs),
        bound: atLeast(0.9),
      },
    ],
  };
}

function changedFar(): Row {
  const work = overSsh('changed', 'far');
  const ours = basyn(work, 'SYNC', '--chunk=4');
  const peer = rsync(work);
  return {
    title: '1 % of 4 KiB blocks, ssh, 50 ms',
    contenders: [ours, peer, rsync(work, '-z', '--zc=zstd'), bdsync(work), rblocksync(work)],
    checks: [
      timesAsFast('1 % of 4 KiB blocks, ssh, 50 ms, --chunk=4', ours, [peer], 1.5),
      {
        title: 'the same, bytes on the wire',
        against: 'the changed bytes',
        needs: [ours],
        figure: (own) => (own.wireBytes ?? NaN) / own.changedBytes,
        bound: atMost(1.1),
      },
    ],
  };
}

function copy(): Row {
  const work = overSsh('changed');
  const plain = basyn(work, 'COPY', '--zlevel=0');
  const best = basyn(work, 'COPY', '--zlevel=9');
  const ours = basyn(work, 'COPY');
  const peer = ddOverSsh(work);
  return {
    title: 'COPY, ssh',
    contenders: [ours, plain, best, peer, rsync(work, '--whole-file')],
    checks: [
      timesAsFast('COPY, ssh, --zlevel=0', plain, [peer], 1),
      timesAsFast('COPY, ssh, default options', ours, [plain, best], 0.9),
    ],
  };
}

function copyOverGigabit(): Row {
  const work = overSsh('changed', 'far-gigabit');
  const ours = basyn(work, 'COPY');
  const peer = rsync(work, '-z', '--zc=zstd', '--whole-file');
  return {
    title: 'COPY, ssh, 1 Gbit/s and 50 ms',
    contenders: [ours, peer, rsync(work, '--whole-file'), ddOverSsh(work)],
    checks: [timesAsFast('COPY, ssh, 1 Gbit/s and 50 ms', ours, [peer], 2.5)],
  };
}

function changedOverGigabit(): Row {
  const work = overSsh('changed', 'far-gigabit');
  const ours = basyn(work, 'SYNC');
  const peer = rsync(work);
  return {
    title: '1 % of 4 KiB blocks, ssh, 1 Gbit/s and 50 ms',
    contenders: [ours, peer, rsync(work, '-z', '--zc=zstd'), bdsync(work), rblocksync(work)],
    checks: [timesAsFast('1 % of 4 KiB blocks, ssh, 1 Gbit/s and 50 ms', ours, [peer], 1.3)],
  };
}

/** The worst case of a SYNC: comparison gains nothing. */
function different(): Row {
  const work = overSsh('different');
  return {
    title: 'SYNC of different devices, ssh',
    contenders: [basyn(work, 'SYNC'), rsync(work)],
    checks: [],
  };
}

/** The limit is kept over the whole run, with its start. */
function limited(): Row {
  const work = overSsh('different', 'far-gigabit');
  const ours = basyn(work, 'SYNC', '--bwlimit=20M', '--zlevel=0');
  const limitBytesPerMs = (20 * 1024 * 1024) / 1000;
  const share = {
    against: 'the limit',
    needs: [ours],
    figure: ({ wireBytes, medianMs }: Summary) => (wireBytes ?? NaN) / medianMs / limitBytesPerMs,
  };
  return {
    title: 'SYNC of different devices, ssh, 1 Gbit/s and 50 ms, --bwlimit=20M',
    contenders: [ours],
    checks: [
      { ...share, title: 'SYNC with --bwlimit=20M, 1 Gbit/s, bytes per second', bound: atLeast(0.95) },
      { ...share, title: 'the same, upper bound', bound: atMost(1.05) },
    ],
  };
}

function sparse(): Row {
  const work = { ...overSsh('identical'), image: 'sparse' } as const;
  const ours = basyn(work, 'SYNC');
  return {
    title: 'identical, sparse 64 GiB, ssh',
    contenders: [ours, rsync(work), bdsync(work), rblocksync(work)],
    checks: [memoryBound('peak memory, sparse 64 GiB, ssh', ours)],
    isLong: true,
  };
}

function thinCopyHere(): Row {
  const work: Work = { image: 'thin', state: 'missing' };
  const ours = basyn(work, 'COPY', '--create');
  const peer = cp(work);
  return {
    title: 'COPY to a new file, 200 GiB with 1 GiB of data, local',
    contenders: [ours, peer],
    checks: [
      {
        title: 'COPY to a new file, 200 GiB with 1 GiB of data, local, without 0.3 s',
        against: `the time of ${peer.name}`,
        needs: [ours, peer],
        figure: (own, other) => (own.medianMs - 300) / other.medianMs,
        bound: atMost(2),
      },
    ],
  };
}

function thinCopy(): Row {
  const work: RemoteWork = { image: 'thin', state: 'missing', host: 'near' };
  const ours = basyn(work, 'COPY', '--create');
  const peer = rsync(work, '-S');
  const title = 'COPY to a new file, 200 GiB with 1 GiB of data, ssh';
  return { title, contenders: [ours, peer], checks: [timesAsFast(title, ours, [peer], 10)], isLong: true };
}

function thinIdentical(): Row {
  const work: RemoteWork = { image: 'thin', state: 'identical', host: 'near' };
  const ours = basyn(work, 'SYNC');
  const peer = rsync(work, '-S');
  const title = 'identical, 200 GiB with 1 GiB of data, ssh';
  return { title, contenders: [ours, peer], checks: [timesAsFast(title, ours, [peer], 10)], isLong: true };
}

/** Only a device that is larger than a quarter of the memory is read directly. */
function coldSync(): Row {
  const work: Work = { image: 'disk', state: 'identical' };
  const ours = cold(basyn(work, 'SYNC'));
  const direct = cold(onSmallMachine(basyn(work, 'SYNC')));
  const buffered = cold(basyn(work, 'SYNC', '--cache'));
  const recheck = cold(basynRecheck(work));
  const title = 'identical, local, on a disk, nothing cached';
  return {
    title,
    contenders: [ours, direct, buffered, recheck, cold(cmp(work))],
    checks: [
      timesAsFast(title, ours, [direct, buffered], 0.95),
      timesAsFast(`${title}, read directly`, direct, [buffered], 0.95),
      timesAsFast(`${title}, --recheck`, recheck, [buffered], 0.9),
    ],
  };
}

/** The page cache of a large device is released during the run. */
function coldCopy(): Row {
  const work: Work = { image: 'disk', state: 'different' };
  const released = cold(onSmallMachine(basyn(work, 'COPY')));
  const cached = cold(basyn(work, 'COPY', '--cache'));
  const title = 'COPY, local, on a disk, nothing cached, cache released';
  return {
    title,
    contenders: [released, cached, cold(dd(work, 'fsync'))],
    checks: [timesAsFast(title, released, [cached], 0.95)],
  };
}
