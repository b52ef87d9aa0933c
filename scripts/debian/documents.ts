import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, version } from '../bundle.ts';

/** The version of a Debian package: a pre-release sorts before its release. */
export const debianVersion = version.replace('-', '~');

/** Debian wants an address in each package, and Basyn has none yet. */
export const maintainer = 'The Basyn authors <basyn@localhost>';

/** The fields of a package in `DEBIAN/control`. */
export interface ControlFields {
  readonly Package: string;
  readonly Architecture: 'all' | 'amd64' | 'arm64';
  readonly Depends: string;
  readonly Conflicts: string;
  readonly Description: string;
  /** What follows the first line of the description: lines of one paragraph. */
  readonly details: readonly string[];
}

/** `DEBIAN/control`. `installedKilobytes` is what the files of the package take. */
export function controlText(fields: ControlFields, installedKilobytes: number): string {
  const { details, Description, ...others } = fields;
  const lines = {
    ...others,
    Version: debianVersion,
    Maintainer: maintainer,
    'Installed-Size': `${installedKilobytes}`,
    Section: 'admin',
    Priority: 'optional',
    Description,
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
  return [...text, ...details.map((line) => ` ${line}`), ''].join('\n');
}

/** `changelog.Debian`, which says where the changes are described. */
export function changelogText(packageName: string, date: Date): string {
  return [
    `${packageName} (${debianVersion}) unstable; urgency=medium`,
    '',
    '  * The changes are described in changelog.gz.',
    '',
    ` -- ${maintainer}  ${date.toUTCString().replace('GMT', '+0000')}`,
    '',
  ].join('\n');
}

/** `copyright`: our licence, then those of what the program contains, which the file `licences` has. */
export async function copyrightText(licences: string): Promise<string> {
  const own = await readFile(join(root, 'LICENSE'), 'utf8');
  const rule = `\n${'-'.repeat(72)}\n\n`;
  const sections = (await readFile(licences, 'utf8')).split(rule).map(withoutApacheText);
  return [`Basyn\n\n${own}`, 'The program contains the following software.\n', ...sections].join(rule);
}

/** Debian has the text of this licence, and wants packages to refer to it. */
function withoutApacheText(section: string): string {
  if (!/^ +Apache License$/m.test(section)) return section;
  const [heading = ''] = section.split('\n');
  return `${heading}\n\nThe text of the licence is in /usr/share/common-licenses/Apache-2.0.\n`;
}

/** After units have come or gone, systemd reads them again. It is not everywhere. */
export const reloadScript = `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || true
fi
`;
