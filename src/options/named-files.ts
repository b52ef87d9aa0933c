import type { NamedFile } from '../separate-files.ts';
import type { OptionsByRun, RunKind } from './entry.ts';
import type { SyncOptions } from './types.ts';

type AnyOptions = { readonly [Key in keyof SyncOptions]?: SyncOptions[Key] | undefined };

/** The devices and files on this machine that a run names. */
export function namedFilesOf(runKind: RunKind, options: OptionsByRun[RunKind]): NamedFile[] {
  const { local, remote, host, action, bitmap, ranges, changed, dryRun }: AnyOptions = options;
  const isWriting = runKind === 'sync' && dryRun !== true;
  const useOf = (side: 'local' | 'remote'): NamedFile['use'] =>
    isWriting && (side === 'remote') === (action === 'push') ? 'written' : 'read';
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
