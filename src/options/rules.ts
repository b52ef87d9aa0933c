import { BasynError } from '../errors.ts';
import { withDefaults } from './defaults.ts';
import { connectionOptions } from './entries/connection.ts';
import { stateOptions } from './entries/state.ts';
import { requireHost } from './host-rules.ts';
import { optionEntries } from './table.ts';
import type { SyncOptions } from './types.ts';
import { bytesPerKilobyte } from './units.ts';
import type { Wording } from './wording.ts';

/**
 * The rules about several options together. Each value by itself has been checked.
 *
 * @throws {BasynError} `usage`, if two options contradict each other, or one needs another one.
 */
export function requireConsistent(options: Partial<SyncOptions>, wording: Wording): void {
  requireChunkInBuffer(options, wording);
  requireOneCompression(options, wording);
  requireSource(options, wording);
  requireUsableList(options, wording);
  requireStateFile(options, wording);
  requireOneStart(options, wording);
  if (options.host === undefined) refuseWithoutHost(options, wording);
  else requireHost(options.host, options.user, wording);
}

function requireChunkInBuffer(options: Partial<SyncOptions>, wording: Wording): void {
  const { chunkBytes, bufferBytes } = withDefaults(options);
  if (chunkBytes === undefined || chunkBytes <= bufferBytes) return;
  throw new BasynError(
    'usage',
    `The chunk (${chunkBytes / bytesPerKilobyte} KiB) is larger than the buffer (${bufferBytes / bytesPerKilobyte} KiB): ` +
      `lower ${wording.name('chunk')} or raise ${wording.name('buffer')}.`,
  );
}

function requireOneCompression({ compress, zlevel = 0 }: Partial<SyncOptions>, wording: Wording): void {
  if (compress !== 'none' || zlevel === 0) return;
  throw new BasynError(
    'usage',
    `${wording.write({ compress: 'none' })} and ${wording.name('zlevel')} contradict each other: ` +
      'leave one of them out.',
  );
}

/** The command that the user gives is started as it is. */
function requireOneStart(options: Partial<SyncOptions>, wording: Wording): void {
  if (options.remoteNode === undefined) return;
  for (const name of ['remote-runtime', 'remote-keep', 'remote-sudo'] as const) {
    const value = options[connectionOptions[name].key];
    if (value === undefined || value === false) continue;
    const advice =
      name === 'remote-sudo' ? `write sudo into ${wording.name('remote-node')}` : 'leave one of them out';
    throw new BasynError(
      'usage',
      `${wording.name('remote-node')} and ${wording.name(name)} contradict each other: ${advice}.`,
    );
  }
}

/** Read errors of a target are never left out, and it is not snapshotted, so it has to be known which device that is. */
function requireSource(
  { skipReadErrors = false, snapshot = false, action }: Partial<SyncOptions>,
  wording: Wording,
): void {
  if (action !== undefined) return;
  const option = skipReadErrors ? 'skip-read-errors' : snapshot !== false ? 'snapshot' : undefined;
  if (option === undefined) return;
  throw new BasynError(
    'usage',
    `${wording.name(option)} needs ${wording.name('action')}, which says which device is the source.`,
  );
}

/** A copy sends everything. The options about a list need one. */
function requireUsableList(options: Partial<SyncOptions>, wording: Wording): void {
  const { changed, mode } = options;
  if (changed !== undefined) {
    if (mode !== 'copy') return;
    throw new BasynError(
      'usage',
      `${wording.name('changed')} and ${wording.write({ mode: 'copy' })} contradict each other: a copy sends everything.`,
    );
  }
  for (const [name, { key }] of optionEntries) {
    if (key !== 'changedBlockBytes' && key !== 'sampleBytes') continue;
    if (options[key] === undefined) continue;
    throw new BasynError('usage', `${wording.name(name)} needs ${wording.name('changed')}.`);
  }
}

const stateFileOptions = ['update-bitmap', 'reset-bitmap', 'trust-target', 'scrub'] as const;

function requireStateFile(options: Partial<SyncOptions>, wording: Wording): void {
  const { bitmap, updateBitmap = false, resetBitmap = false } = options;
  if (updateBitmap && resetBitmap) {
    throw new BasynError(
      'usage',
      `${wording.name('update-bitmap')} and ${wording.name('reset-bitmap')} contradict each other: ` +
        'leave one of them out.',
    );
  }
  if (bitmap !== undefined) return;
  const given = stateFileOptions.find((name) => {
    const value = options[stateOptions[name].key];
    return value !== undefined && value !== false;
  });
  if (given === undefined) return;
  throw new BasynError(
    'usage',
    `${wording.name(given)} needs ${wording.name('bitmap')}, which names the state file.`,
  );
}

function refuseWithoutHost(options: Partial<SyncOptions>, wording: Wording): void {
  for (const [name, { key, needs }] of optionEntries) {
    if (needs !== 'host' || key === undefined) continue;
    const value = options[key];
    // A flag that was left out and an empty list say nothing about a host.
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue;
    throw new BasynError(
      'usage',
      `${wording.name(name)} needs ${wording.name('host')}: ` +
        'without a host, both devices are on this machine.',
    );
  }
}
