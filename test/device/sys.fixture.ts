import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A block device in an imitation of /sys. */
export interface FakeDevice {
  readonly number: string;
  readonly sizeBytes: number;
  /** For a partition: the name of its disk, and its offset. */
  readonly partitionOf?: string;
  readonly startBytes?: number;
  /** Names of the devices below and above. */
  readonly slaves?: readonly string[];
  readonly holders?: readonly string[];
  /** The name that device-mapper users gave it. */
  readonly mapperName?: string;
  readonly mapperUuid?: string;
}

/** Writes the part of /sys that describes block devices, with the layout of the kernel. */
export function makeFakeSys(root: string, devices: Readonly<Record<string, FakeDevice>>): string {
  const pathOf = (name: string): string => join(root, 'devices', devices[name]?.partitionOf ?? '', name);
  const linkTo = (directory: string, name: string, linkName = name): void => {
    mkdirSync(directory, { recursive: true });
    symlinkSync(relative(directory, pathOf(name)), join(directory, linkName));
  };
  for (const [name, device] of Object.entries(devices)) {
    const path = pathOf(name);
    mkdirSync(join(path, 'slaves'), { recursive: true });
    mkdirSync(join(path, 'holders'));
    const attributes: Record<string, string> = {
      dev: device.number,
      size: `${device.sizeBytes / 512}`,
      ro: '0',
      ...(device.startBytes !== undefined && { start: `${device.startBytes / 512}`, partition: '1' }),
    };
    if (device.partitionOf === undefined) {
      mkdirSync(join(path, 'queue'));
      attributes['queue/logical_block_size'] = '512';
    }
    if (device.mapperName !== undefined) {
      mkdirSync(join(path, 'dm'));
      attributes['dm/name'] = device.mapperName;
      attributes['dm/uuid'] = device.mapperUuid ?? '';
    }
    for (const [file, text] of Object.entries(attributes)) writeFileSync(join(path, file), `${text}\n`);
    linkTo(join(root, 'dev/block'), name, device.number);
    if (device.partitionOf === undefined) linkTo(join(root, 'block'), name);
  }
  for (const [name, { slaves = [], holders = [] }] of Object.entries(devices)) {
    for (const slave of slaves) linkTo(join(pathOf(name), 'slaves'), slave);
    for (const holder of holders) linkTo(join(pathOf(name), 'holders'), holder);
  }
  return root;
}
