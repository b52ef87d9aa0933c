import { basename } from 'node:path';
import { bounds } from '../../limits.ts';
import { runProgram } from '../program.ts';
import type { Volume } from '../volume.ts';

const sectorBytes = 512;

/** The blocks of its pool that a thin volume has mapped. */
export interface MappedBlocks {
  readonly blockBytes: number;
  readonly count: number;
}

/**
 * Asks device-mapper what an active thin volume has mapped. Never rejects for what the tools do.
 *
 * @returns as a clause why that can't be determined.
 */
export async function mappedBlocksOf(
  { devicePath }: Pick<Volume, 'devicePath'>,
  poolDevice: string,
): Promise<MappedBlocks | string> {
  const status = await askMapper('status', basename(devicePath));
  const table = await askMapper('table', poolDevice);
  if (status.reason !== '') return status.reason;
  if (table.reason !== '') return table.reason;
  const mappedSectors = mappedSectorsIn(status.output);
  const blockSectors = blockSectorsIn(table.output);
  if (mappedSectors === undefined) return `dmsetup reports no mapped sectors of ${basename(devicePath)}`;
  if (blockSectors === undefined) return `dmsetup reports no block size of ${poolDevice}`;
  return { blockBytes: blockSectors * sectorBytes, count: mappedSectors / blockSectors };
}

/** @param status "0 16384 thin 8192 16383": start and length, the kind, mapped sectors, the last one of them. */
export function mappedSectorsIn(status: string): number | undefined {
  const text = /^\d+ \d+ thin (\d+) (?:\d+|-)\s*$/.exec(status)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** @param table "0 65536 thin-pool 254:1 254:2 128 0 0": the block size is behind the devices of metadata and data. */
export function blockSectorsIn(table: string): number | undefined {
  const sectors = Number(/^\d+ \d+ thin-pool \S+ \S+ (\d+) /.exec(table)?.[1] ?? 0);
  return sectors > 0 ? sectors : undefined;
}

function askMapper(command: 'status' | 'table', device: string): ReturnType<typeof runProgram> {
  return runProgram('dmsetup', [command, device], bounds.volumeQueryTimeoutMs);
}

/** As LVM names the device of a pool. */
export function poolDeviceOf({ groupName, poolName }: Pick<Volume, 'groupName' | 'poolName'>): string {
  return `${doubled(groupName)}-${doubled(poolName)}-tpool`;
}

/** As device-mapper writes a name of LVM. */
export function doubled(name: string): string {
  return name.replaceAll('-', '--');
}
