import { bounds } from '../../limits.ts';
import type { CheckedEntry } from '../entry.ts';

/** Many runs that a file describes. */
export const jobsOptions = {
  jobs: {
    group: 'Several jobs',
    value: { type: 'path' },
    placeholder: 'FILE',
    otherwise: 'there is one run, which the options describe',
    help: 'Run all jobs of a TOML file (`-`: stdin). Their devices and options are in the file.',
    details:
      'See [Many devices](#many-devices). Besides it, only the options of this group and of Output are possible.',
  },
  only: {
    group: 'Several jobs',
    value: { type: 'text' },
    placeholder: 'NAME',
    repeatable: true,
    otherwise: 'all jobs run',
    help: 'Run only this job, or the jobs of this pattern of devices. May be given more than once.',
  },
  parallel: {
    group: 'Several jobs',
    value: { type: 'integer', least: 1, most: bounds.maxParallelJobs },
    placeholder: 'N',
    otherwise: 'what the file says, or 1',
    help: 'The number of jobs that may run at the same time.',
    details:
      'Jobs that share a disk of this machine wait for each other, unless the file has `share-disks = true`.',
  },
  check: {
    group: 'Several jobs',
    value: { type: 'flag' },
    help: 'Check the file and open every device for reading, and do nothing else.',
  },
  'retry-failed': {
    group: 'Several jobs',
    value: { type: 'flag' },
    help: 'Run only the jobs that failed last time.',
    details:
      'The results of the last run of each file are in `$STATE_DIRECTORY`; else, for root, in `/var/lib/basyn` if it exists; else in `~/.local/state/basyn`. ' +
      'A job that has never run counts as failed.',
  },
} as const satisfies Record<string, CheckedEntry>;
