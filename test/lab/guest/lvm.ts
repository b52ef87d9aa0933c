import { mkdirSync, writeFileSync } from 'node:fs';
import { afterTest } from './clean-up.ts';
import { sh } from './shell.ts';

const systemDirectory = '/run/lvm-system';

/** There is no udev, and LVM must look at the disks itself. */
const configuration = `
activation { udev_sync=0 udev_rules=0 verify_udev_operations=0 monitoring=0 }
devices { obtain_device_list_from_udev=0 external_device_info_source="none" use_devicesfile=0 }
`;

/** Makes a volume group of this disk, which is removed after the test, with one volume. */
export function makeVolume(group: string, disk: string, volume: string, sizeMiB: number): string {
  prepare();
  sh('pvcreate', ['--force', '--force', '--yes', disk]);
  sh('vgcreate', [group, disk]);
  afterTest(() => {
    sh('vgremove', ['--force', '--force', '--yes', group]);
    sh('pvremove', ['--force', '--force', '--yes', disk]);
  });
  sh('lvcreate', ['--yes', '--wipesignatures', 'n', '--size', `${sizeMiB}M`, '--name', volume, group]);
  return `/dev/${group}/${volume}`;
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
  mkdirSync(systemDirectory, { recursive: true });
  mkdirSync('/run/lock/lvm', { recursive: true });
  writeFileSync(`${systemDirectory}/lvm.conf`, configuration);
  process.env.LVM_SYSTEM_DIR = systemDirectory;
}
