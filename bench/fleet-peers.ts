/** The commands that bring many images to a host. */

import type { Contender } from './contender.ts';
import type { RemoteWork } from './peers.ts';

/** Of all contenders. */
const PARALLEL = 4;

/** A file of jobs, from stdin. The images are on one disk, which is memory. */
export function basynJobs(work: RemoteWork): Contender {
  return {
    ...work,
    name: 'basyn --jobs',
    tool: 'basyn',
    makesEqual: true,
    command: ({ source, target }) => {
      const lines = [
        'share-disks = true',
        '[defaults]',
        'action = "PUSH"',
        'mode = "SYNC"',
        `host = "${work.host}"`,
        '[jobs.all]',
        `local = "${source}/*"`,
        `remote = "${target}/{name}"`,
      ];
      const words = lines.map((line) => `'${line}'`).join(' ');
      return `printf '%s\\n' ${words} | basyn --jobs=- --parallel=${PARALLEL}`;
    },
  };
}

/** One run of a single contender for each image. */
export function inLoop(single: Contender): Contender {
  return {
    ...single,
    name: `${single.name} in xargs -P${PARALLEL}`,
    command: (files) => {
      const { source, target } = files;
      const each = single.command({ ...files, source: `${source}/{}`, target: `${target}/{}` });
      return `ls ${source} | xargs -P${PARALLEL} -I{} ${each}`;
    },
  };
}
