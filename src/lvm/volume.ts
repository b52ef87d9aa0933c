import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deviceNumber } from '../device/block-device.ts';
import { inspect, placeError, type Place } from '../device/open.ts';
import type { BasynError, Remedy } from '../errors.ts';
import { bounds } from '../limits.ts';
import { runProgram } from './program.ts';

/** A logical volume, as LVM describes it. */
export interface Volume {
  readonly groupName: string;
  readonly groupUuid: string;
  readonly name: string;
  readonly uuid: string;
  /** The path of its device, which exists while it is active. */
  readonly devicePath: string;
  readonly sizeBytes: number;
  /** `classic`: it can have a classic snapshot. `other`: a pool, or a volume within another one. */
  readonly kind: 'thin' | 'classic' | 'other';
  /** For a thin volume. */
  readonly poolName: string;
  readonly poolUuid: string;
  /** Of a snapshot. Empty for other volumes, and where the origin is gone. */
  readonly originUuid: string;
  /** It is a snapshot with a size of its own. */
  readonly isClassicSnapshot: boolean;
  /** A classic snapshot has overflowed, or its state can't be determined. */
  readonly isInvalid: boolean;
  /** It is being merged into its origin, or a snapshot is being merged into it. */
  readonly isMerging: boolean;
  readonly isReadOnly: boolean;
  readonly isActive: boolean;
  readonly isOpen: boolean;
  /** Its group is shared with other hosts. */
  readonly isShared: boolean;
  readonly tags: readonly string[];
  /** For a pool. */
  readonly dataPercent: number;
  readonly metadataPercent: number;
  readonly groupFreeBytes: number;
}

/** "vg0/mail", as LVM and messages name a volume. */
export function fullNameOf({ groupName, name }: Pick<Volume, 'groupName' | 'name'>): string {
  return `${groupName}/${name}`;
}

const fields = [
  ...['vg_name', 'vg_uuid', 'vg_attr', 'vg_free', 'lv_name', 'lv_uuid', 'lv_attr', 'lv_layout', 'lv_role'],
  ...['lv_size', 'lv_tags', 'lv_permissions', 'lv_dm_path', 'pool_lv', 'pool_lv_uuid', 'origin_uuid'],
  ...['data_percent', 'metadata_percent', 'lv_snapshot_invalid', 'lv_active_locally'],
] as const;
type Row = Readonly<Record<(typeof fields)[number], string>>;

/**
 * The logical volume at a path, with all visible volumes of its group.
 *
 * @throws {BasynError} `device`, if it is none, or if LVM can't be asked.
 */
export async function volumeAt(
  place: Place,
): Promise<{ readonly volume: Volume; readonly group: readonly Volume[] }> {
  const { mapperName, uuid } = nameInMapper(place);
  const [groupName, name] = splitMapperName(mapperName);
  const group = await volumesOfGroup(place, groupName);
  const volume = group.find((other) => other.name === name);
  if (volume === undefined || kernelUuidOf(volume) !== uuid) {
    throw snapshotError(place, `LVM does not know a volume ${groupName}/${name} with the device's UUID`);
  }
  return { volume, group };
}

/** An error about a snapshot that can't be taken or used. Its message begins with the name of the device. */
export function snapshotError(place: Place, reason: string, remedy?: Remedy): BasynError {
  return placeError('device', place, `can't be read from a snapshot: ${reason}.`, remedy && { remedy });
}

/**
 * @param fullName "vg0/mail".
 * @returns undefined if there is no such volume.
 * @throws {BasynError} `device`, if LVM can't be asked.
 */
export async function findVolume(place: Place, fullName: string): Promise<Volume | undefined> {
  const [groupName = '', name] = fullName.split('/');
  return (await volumesOfGroup(place, groupName)).find((volume) => volume.name === name);
}

/**
 * All visible volumes of a group.
 *
 * @throws {BasynError} `device`, if LVM can't be asked.
 */
export async function volumesOfGroup(place: Place, groupName: string): Promise<Volume[]> {
  const args = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '--options', fields.join(',')];
  const { status, output, reason, isMissing } = await runProgram(
    'lvs',
    [...args, groupName],
    bounds.volumeQueryTimeoutMs,
  );
  if (isMissing)
    throw snapshotError(place, "LVM's tools are missing there (no lvs): install the package lvm2");
  if (status !== 0) throw snapshotError(place, reason);
  const rows = rowsIn(output);
  if (rows === undefined)
    throw snapshotError(place, "the answer of lvs can't be read: LVM 2.02.158 or newer is needed");
  return rows.map(volumeOf);
}

/** The rows of an answer in JSON. Undefined if it does not have the expected form. */
export function rowsIn(output: string): Row[] | undefined {
  try {
    const { report } = JSON.parse(output) as { readonly report?: readonly { readonly lv?: unknown }[] };
    const rows = report?.[0]?.lv;
    return Array.isArray(rows) && rows.every(isRow) ? rows : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false;
  return fields.every((field) => typeof (value as Record<string, unknown>)[field] === 'string');
}

/** The positions of lv_attr and vg_attr are those of lvs(8) and vgs(8). */
export function volumeOf(row: Row): Volume {
  const [type = '', , , , state = '', open = ''] = row.lv_attr;
  const layout = row.lv_layout.split(',');
  const roles = row.lv_role.split(',');
  const isPublic = roles.includes('public');
  const isThin = layout.includes('thin') && !layout.includes('pool');
  const isClassicSnapshot = roles.includes('thicksnapshot');
  return {
    groupName: row.vg_name,
    groupUuid: row.vg_uuid,
    name: row.lv_name,
    uuid: row.lv_uuid,
    devicePath: row.lv_dm_path,
    sizeBytes: Number(row.lv_size),
    kind: !isPublic || layout.includes('pool') ? 'other' : isThin ? 'thin' : 'classic',
    poolName: row.pool_lv,
    poolUuid: row.pool_lv_uuid,
    originUuid: row.origin_uuid,
    isClassicSnapshot,
    isInvalid: isClassicSnapshot && (row.lv_snapshot_invalid !== '' || state === 'I' || state === 'S'),
    isMerging: type === 'O' || type === 'S' || state === 'm' || state === 'M',
    isReadOnly: row.lv_permissions.startsWith('read-only'),
    isActive: row.lv_active_locally === 'active locally',
    isOpen: open === 'o',
    isShared: /^.{5}[cs]/.test(row.vg_attr),
    tags: row.lv_tags === '' ? [] : row.lv_tags.split(','),
    dataPercent: Number(row.data_percent),
    metadataPercent: Number(row.metadata_percent),
    groupFreeBytes: Number(row.vg_free),
  };
}

/** How the kernel writes the UUIDs of a volume's device. */
export function kernelUuidOf({ groupUuid, uuid }: Pick<Volume, 'groupUuid' | 'uuid'>): string {
  return `LVM-${`${groupUuid}${uuid}`.replaceAll('-', '')}`;
}

/** In the name of a device, LVM doubles the hyphens within the names: "vg--0-mail" is vg-0/mail. */
export function splitMapperName(mapperName: string): readonly [groupName: string, name: string] {
  const [group = '', name = ''] = mapperName
    .replaceAll('--', '\0')
    .split('-')
    .map((part) => part.replaceAll('\0', '-'));
  return [group, name];
}

function nameInMapper(place: Place): { readonly mapperName: string; readonly uuid: string } {
  const stats = inspect(place);
  if (stats === undefined) throw placeError('device', place, 'does not exist.');
  const advice = 'name a logical volume such as /dev/vg0/mail, or leave the snapshot out';
  if (!stats.isBlockDevice()) throw snapshotError(place, `it is not a logical volume of LVM: ${advice}`);
  const directory = join('/sys/dev/block', deviceNumber(stats.rdev), 'dm');
  const uuid = readIfThere(join(directory, 'uuid'));
  if (!uuid.startsWith('LVM-')) throw snapshotError(place, `it is not a logical volume of LVM: ${advice}`);
  if (uuid.length > 'LVM-'.length + 64) {
    throw snapshotError(place, `it is a hidden part of a logical volume: ${advice}`);
  }
  return { mapperName: readIfThere(join(directory, 'name')), uuid };
}

/** Empty for a device that device-mapper did not make. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return '';
  }
}
