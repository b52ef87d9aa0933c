import { mkdirSync, writeFileSync } from 'node:fs';
import { afterTest } from './clean-up.ts';
import { sh } from './shell.ts';

export const lvmSystemDirectory = '/run/lvm-system';

/** There is no udev, so LVM must scan the disks itself. */
const configuration = `
activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 reserved_memory=0 reserved_stack=0 }
devices { obtain_device_list_from_udev=0 external_device_info_source="none" use_devicesfile=0 filter=["a|/dev/ubd|", "r|.*|"] }
global { thin_check_executable="" notify_dbus=0 }
backup { backup=0 archive=0 }
`;

/** Makes a volume group of this disk, which is removed after the test, with one volume. Returns the volume's path. */
export function makeVolume(group: string, disk: string, volume: string, sizeMiB: number): string {
  makeGroup(group, disk);
  sh('lvcreate', ['--yes', '--wipesignatures', 'n', '--size', `${sizeMiB}M`, '--name', volume, group]);
  return `/dev/${group}/${volume}`;
}

/** The same with a volume in a thin pool. */
export function makeThinVolume(group: string, disk: string, volume: string, sizeMiB: number): string {
  makeGroup(group, disk);
  const pool = [
    '--type',
    'thin-pool',
    '--name',
    'pool',
    '--size',
    `${sizeMiB + 16}M`,
    '--poolmetadatasize',
    '4M',
  ];
  sh('lvcreate', ['--yes', ...pool, group]);
  sh('lvcreate', ['--virtualsize', `${sizeMiB}M`, '--thinpool', 'pool', '--name', volume, group]);
  return `/dev/${group}/${volume}`;
}

function makeGroup(group: string, disk: string): void {
  prepare();
  sh('pvcreate', ['--force', '--force', '--yes', disk]);
  sh('vgcreate', [group, disk]);
  afterTest(() => {
    sh('vgremove', ['--force', '--force', '--yes', group]);
    sh('pvremove', ['--force', '--force', '--yes', disk]);
  });
}

/** The names of the volumes in a group. */
export function volumesIn(group: string): string[] {
  return sh('lvs', ['--noheadings', '--options', 'lv_name', group])
    .toString()
    .split('\n')
    .map((line) => line.trim())
    .filter((name) => name !== '')
    .sort();
}

function prepare(): void {
  mkdirSync(lvmSystemDirectory, { recursive: true });
  mkdirSync('/run/lock/lvm', { recursive: true });
  writeFileSync(`${lvmSystemDirectory}/lvm.conf`, configuration);
  process.env.LVM_SYSTEM_DIR = lvmSystemDirectory;
}
