import { afterTest } from './clean-up.ts';
import { sectorsOf } from './disks.ts';
import { sh } from './shell.ts';

/** A device of device-mapper, until the end of the test. Its table defines the location of its data, and what fails. */
export class MappedDevice {
  readonly name: string;
  readonly path: string;
  #isRemoved = false;

  constructor(name: string, table: string) {
    this.name = name;
    this.path = `/dev/mapper/${name}`;
    // A device that is made again has the same lasting identity, as after a restart.
    sh('dmsetup', ['create', name, '--uuid', `LAB-${name}`], table);
    afterTest(() => this.remove());
  }

  /** Removes the device. Does nothing if it is removed. */
  remove(): void {
    if (this.#isRemoved) return;
    sh('dmsetup', ['remove', '--retry', this.name]);
    this.#isRemoved = true;
  }

  /** Replaces the table while the device is in use. Its page cache is not changed. */
  become(table: string): void {
    sh('dmsetup', ['suspend', '--nolockfs', '--noflush', this.name]);
    sh('dmsetup', ['load', this.name], table);
    sh('dmsetup', ['resume', this.name]);
  }

  message(...words: readonly string[]): void {
    sh('dmsetup', ['message', this.name, '0', ...words]);
  }
}

/** A range of the device, which is at the same offset of the disk below. */
export interface Segment {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly kind: 'healthy' | 'fails writes' | 'drops writes' | 'fails';
}

/** The table of a device over this disk. */
export function tableOver(disk: string, segments: readonly Segment[]): string {
  const lines = segments.map(({ offsetBytes, lengthBytes, kind }) => {
    const start = sectorsOf(offsetBytes);
    if (kind === 'fails') return `${start} ${sectorsOf(lengthBytes)} error`;
    // dm-flakey: healthy for 0 seconds, then broken for an hour.
    const [target, fault] = {
      healthy: ['linear', ''],
      'fails writes': ['flakey', ' 0 3600 1 error_writes'],
      'drops writes': ['flakey', ' 0 3600 1 drop_writes'],
    }[kind] as [string, string];
    return `${start} ${sectorsOf(lengthBytes)} ${target} ${disk} ${start}${fault}`;
  });
  return `${lines.join('\n')}\n`;
}
