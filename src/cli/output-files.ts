import type { NamedFile } from '../separate-files.ts';
import type { OutputPaths } from './options.ts';

/** The files that the command itself writes. */
export function outputFilesOf({ reportPath, metricsPath }: OutputPaths): NamedFile[] {
  const written = { kind: 'file', use: 'written' } as const;
  return [
    ...(reportPath === undefined ? [] : [{ ...written, what: 'report', path: reportPath }]),
    ...(metricsPath === undefined ? [] : [{ ...written, what: 'file of metrics', path: metricsPath }]),
  ];
}
