import { join } from 'node:path';
import { oldestNode, root } from '../bundle.ts';
import type { DebianPackage } from './package.ts';

const description = 'make one block device or disk image equal to another';
const details = [
  'Basyn makes one block device or disk image equal to another, on the same',
  'machine or over SSH, and transfers only what differs. It is not installed on',
  'the remote host.',
  '.',
];

const overrides = [
  '# Basyn has no mail address yet.',
  'bogus-mail-host',
  'bogus-mail-host-in-debian-changelog',
];

/** The program that runs with the node of the system. */
export const scriptPackage: DebianPackage = {
  control: {
    Package: 'basyn',
    Architecture: 'all',
    Depends: `nodejs (>= ${oldestNode}), openssh-client`,
    Conflicts: 'basyn-standalone',
    Description: description,
    details: [...details, 'This package needs node. basyn-standalone contains it.'],
  },
  program: join(root, 'dist/basyn.cjs'),
  licences: join(root, 'dist/licenses.txt'),
  overrides,
};

/** The executable that contains node, with the licences in a file beside it, as `npm run build:standalone` makes both. */
export function standalonePackage(executable: string): DebianPackage {
  return {
    control: {
      Package: 'basyn-standalone',
      Architecture: executable.endsWith('arm64') ? 'arm64' : 'amd64',
      Depends: 'libc6 (>= 2.28), libgcc-s1, libstdc++6, openssh-client',
      Conflicts: 'basyn',
      Description: `${description} (with node)`,
      details: [...details, 'This package contains node.'],
    },
    program: executable,
    licences: `${executable}.licenses.txt`,
    overrides: [
      ...overrides,
      '# node contains its libraries, and is linked without PIE.',
      'embedded-library',
      'hardening-no-pie',
      '# Its sections are cut off. The kernel and the dynamic linker read segments.',
      'elf-error In program headers: no .dynamic section in the dynamic segment *',
    ],
  };
}
