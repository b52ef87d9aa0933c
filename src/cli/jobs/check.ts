import type { Job } from '../../jobs/job.ts';
import type { SyncOptions } from '../../options/types.ts';

/** What reads, records or snapshots, and is not needed to open the devices. */
const unneeded: ReadonlySet<string> = new Set<keyof SyncOptions>([
  'changed',
  'changedBlockBytes',
  'sampleBytes',
  'bitmap',
  'updateBitmap',
  'resetBitmap',
  'trustTarget',
  'scrubPercent',
  'snapshot',
  'recheck',
]);

/**
 * What checks a job: its devices are opened, with all checks of the job itself, and nothing is read or written. A job
 * without a target has nothing to check.
 */
export function checkOf({ name, ...task }: Job): Job[] {
  switch (task.kind) {
    case 'sync': {
      const needed = Object.entries(task.options).filter(([key]) => !unneeded.has(key));
      const options = Object.fromEntries(needed) as unknown as SyncOptions;
      // A copy reads nothing in a dry run.
      return [{ name, kind: 'sync', options: { ...options, mode: 'copy', dryRun: true } }];
    }
    case 'recheck':
    case 'inspect':
      return [{ name, kind: 'inspect', options: task.options }];
    case 'record':
      return [];
  }
}
