/** Basyn and the tools that it is compared with, each as the command that a user would type. */

import type { Contender } from './contender.ts';
import type { ImageFiles, ImageName, TargetState } from './images.ts';
import type { HostName } from './network.ts';

/** The circumstances that all contenders of a row share. */
export interface Work {
  readonly image: ImageName;
  readonly state: TargetState;
}

export interface RemoteWork extends Work {
  readonly host: HostName;
}

type Mode = 'SYNC' | 'COPY';

export function basyn(work: Work | RemoteWork, mode: Mode, ...flags: string[]): Contender {
  const place = 'host' in work ? [`--host=${work.host}`] : [];
  return {
    ...work,
    name: ['basyn', ...flags].join(' '),
    tool: 'basyn',
    makesEqual: true,
    command: ({ source, target }) =>
      [
        'basyn --action=PUSH',
        `--mode=${mode}`,
        `--local=${source}`,
        `--remote=${target}`,
        ...place,
        ...flags,
      ].join(' '),
  };
}

/** Compares only. */
export function basynRecheck(work: Work): Contender {
  return {
    ...work,
    name: 'basyn --recheck',
    tool: 'basyn',
    makesEqual: false,
    command: ({ source, target }) => `basyn --recheck --local=${source} --remote=${target}`,
  };
}

/** On a machine with so little memory that the image `disk` is a large device. */
export function onSmallMachine(contender: Contender): Contender {
  const program = `import%20os%20from'node:os';os.totalmem=()=>${768 * 1024 * 1024}`;
  return {
    ...contender,
    name: `${contender.name}, little memory`,
    command: (files) => `NODE_OPTIONS="--import=data:text/javascript,${program}" ${contender.command(files)}`,
  };
}

/** Without a page cache at the start. */
export function cold(contender: Contender): Contender {
  return { ...contender, isCold: true };
}

/** With a list of what differs. */
export function withList(contender: Contender): Contender {
  return {
    ...contender,
    name: `${contender.name} --changed`,
    command: (files) => `${contender.command(files)} --changed=${files.list}`,
  };
}

/**
 * With a state file of the run before. The images are in memory, where nothing proves that nobody else has written to the
 * target: the option says so.
 */
export function withStateFile(contender: Contender): Contender {
  const command = (files: ImageFiles): string =>
    `${contender.command(files)} --bitmap=${files.stateFile} --trust-target`;
  return {
    ...contender,
    name: `${contender.name} --bitmap`,
    command,
    record: (files) => `${command(files)} --update-bitmap`,
  };
}

/** Reads both to the end only if they are identical, so it is always given identical images. */
export function cmp({ image }: Work): Contender {
  return {
    image,
    state: 'identical',
    name: 'cmp',
    tool: 'cmp',
    makesEqual: false,
    command: ({ source, target }) => `cmp ${source} ${target}`,
  };
}

export function dd(work: Work, ...conversions: string[]): Contender {
  const conversion = ['notrunc', ...conversions].join(',');
  return {
    ...work,
    name: `dd conv=${conversion}`,
    tool: 'dd',
    makesEqual: true,
    command: ({ source, target }) => `dd if=${source} of=${target} bs=1M conv=${conversion} status=none`,
  };
}

/** Makes a sparse copy of a sparse file. */
export function cp(work: Work): Contender {
  return {
    ...work,
    name: 'cp --sparse=auto',
    tool: 'cp',
    makesEqual: true,
    command: ({ source, target }) => `cp --sparse=auto ${source} ${target}`,
  };
}

export function ddOverSsh(work: RemoteWork): Contender {
  return {
    ...work,
    name: 'dd | ssh dd',
    tool: 'dd',
    makesEqual: true,
    command: ({ source, target }) =>
      `dd if=${source} bs=1M status=none | ` +
      `ssh ${work.host} 'dd of=${target} bs=1M iflag=fullblock conv=notrunc status=none'`,
  };
}

/** `-I`: by default rsync would believe the modification times and read nothing. */
export function rsync(work: RemoteWork, ...flags: string[]): Contender {
  const algorithm = flags.includes('--whole-file') ? [] : ['--no-whole-file'];
  return {
    ...work,
    name: ['rsync', ...flags].join(' '),
    tool: 'rsync',
    makesEqual: true,
    command: ({ source, target }) =>
      ['rsync -I --inplace', ...algorithm, ...flags, source, `${work.host}:${target}`].join(' '),
  };
}

export function bdsync(work: RemoteWork): Contender {
  return {
    ...work,
    name: 'bdsync',
    tool: 'bdsync',
    makesEqual: true,
    command: ({ source, target }) =>
      `bdsync 'ssh ${work.host} bdsync --server' ${source} ${target} | ` +
      `ssh ${work.host} 'bdsync --patch=${target}'`,
  };
}

/** Over ssh, it compares with a digest file of its last run instead of the target. */
export function blocksyncFastWithDigests(work: RemoteWork): Contender {
  return {
    ...work,
    name: 'blocksync-fast with a digest file',
    tool: 'blocksync-fast',
    makesEqual: true,
    record: ({ source, stateFile }) =>
      `rm -f ${stateFile}.digests; blocksync-fast --make-digest -s ${source} -f ${stateFile}.digests`,
    command: ({ source, target, stateFile }) =>
      `blocksync-fast --make-delta -s ${source} -f ${stateFile}.digests --silent | ` +
      `ssh ${work.host} 'blocksync-fast --apply-delta -d ${target} --silent'`,
  };
}

export function blocksyncFast(work: Work): Contender {
  return {
    ...work,
    name: 'blocksync-fast',
    tool: 'blocksync-fast',
    makesEqual: true,
    command: ({ source, target }) => `blocksync-fast -s ${source} -d ${target}`,
  };
}

export function rblocksync(work: Work | RemoteWork): Contender {
  const place = 'host' in work ? `${work.host}:` : '';
  return {
    ...work,
    name: 'rblocksync3.py',
    tool: 'rblocksync3.py',
    makesEqual: true,
    command: ({ source, target }) => `rblocksync3.py ${source} ${place}${target}`,
  };
}

/** The minimum that any program for Node needs. */
export function emptyNodeProgram({ image }: Work): Contender {
  return {
    image,
    state: 'identical',
    name: 'node -e 0',
    tool: 'node',
    makesEqual: false,
    command: () => 'node -e 0',
  };
}
