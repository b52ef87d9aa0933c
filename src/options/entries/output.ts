import type { CheckedEntry } from '../entry.ts';

/** What the command prints. */
export const outputOptions = {
  stat: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Show statistics after completion.',
  },
  verbose: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Log what is being done to stdout, with the time.',
  },
  progress: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Show the progress on stderr.',
    details: 'On a terminal, one line is updated. Elsewhere, a line with the time is printed now and then.',
  },
  debug: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Trace to stderr. May be a lot.',
  },
  json: {
    group: 'Output',
    value: { type: 'flag' },
    default: false,
    help: 'Print one JSON object per line on stdout, instead of text.',
  },
  report: {
    group: 'Output',
    value: { type: 'path' },
    placeholder: 'FILE',
    help: 'Write an HTML page about the run or the jobs, also if it fails.',
    details:
      'The page needs no network. See [Report](#report). An existing file must be an earlier report, or empty.',
  },
  help: { group: 'Output', value: { type: 'flag' }, help: 'Show the options.' },
  version: { group: 'Output', value: { type: 'flag' }, help: 'Show the version.' },
} as const satisfies Record<string, CheckedEntry>;
