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
    otherwise: 'no page is written',
    help: 'Write an HTML page about the run or the jobs, also if it fails.',
    details: 'The page needs no network. An existing file must be an earlier report, or empty.',
  },
  metrics: {
    group: 'Output',
    value: { type: 'path' },
    placeholder: 'FILE',
    otherwise: 'none are written',
    help: 'Write metrics for Prometheus to FILE at the end, such as whether the run has succeeded, and when last.',
    details:
      'The file is for the textfile collector of node_exporter. It is replaced as a whole. See [docs/monitoring.md](docs/monitoring.md).',
  },
  ranges: {
    key: 'ranges',
    scope: 'comparison',
    group: 'Output',
    value: { type: 'path' },
    placeholder: 'FILE',
    otherwise: 'the report has the first ten',
    help: 'List every range that differs in FILE, once the run has ended: JSON lines with an offset and a length in bytes. `--changed` takes such a list.',
    details:
      'Of `COPY`, that is the whole device. What can not be read of the source is listed as well. ' +
      'An earlier list is removed when the run begins, so that a run that fails leaves none.',
  },
  help: { group: 'Output', value: { type: 'flag' }, help: 'Show the options.' },
  version: { group: 'Output', value: { type: 'flag' }, help: 'Show the version.' },
} as const satisfies Record<string, CheckedEntry>;
