import type { Side } from '../errors.ts';
import type { NamedFile } from '../separate-files.ts';
import type { OptionsByRun, RunKind } from './entry.ts';
import type { SyncOptions } from './types.ts';
import { writtenSideOf } from './written-side.ts';

type AnyOptions = { readonly [Key in keyof SyncOptions]?: SyncOptions[Key] | undefined };

/** The devices and files on this machine that a run names. */
export function namedFilesOf(runKind: RunKind, options: OptionsByRun[RunKind]): NamedFile[] {
  const { local, remote, host, bitmap, ranges, changed }: AnyOptions = options;
  const writtenSide = writtenSideOf(runKind, options);
  const useOf = (side: Side): NamedFile['use'] => (side === writtenSide ? 'written' : 'read');
  const files: (Omit<NamedFile, 'path'> & { readonly path: string | undefined })[] = [
    { what: 'local device', path: local, kind: 'device', use: useOf('local') },
    {
      what: 'remote device',
      path: host === undefined ? remote : undefined,
      kind: 'device',
      use: useOf('remote'),
    },
    { what: 'state file', path: bitmap, kind: 'file', use: 'written' },
    { what: 'list of ranges', path: ranges, kind: 'file', use: 'written' },
    { what: 'list of changes', path: changed === '-' ? undefined : changed, kind: 'file', use: 'read' },
  ];
  return files.flatMap(({ path, ...file }) => (path === undefined ? [] : [{ ...file, path }]));
}
