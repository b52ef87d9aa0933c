import { parseArgs } from 'node:util';
import type { Build } from './tools.ts';

export interface BenchOptions {
  /** Rows whose title, or a check's, matches. */
  readonly only: RegExp;
  /** Contenders whose name matches take part. */
  readonly contenders: RegExp;
  /** Other builds of Basyn that take part in every row. */
  readonly builds: readonly Build[];
  readonly timedRuns: number;
  readonly quick: boolean;
  readonly long: boolean;
  readonly jsonPath: string | undefined;
  readonly markdownPath: string | undefined;
}

export const usage = `npm run bench -- [options]

  --only PATTERN   Only rows that this regular expression finds, in any case.
  --contender PATTERN  Only contenders whose name this regular expression finds, in any case.
  --against NAME=FILE  Another build of Basyn (its dist/basyn.cjs) takes part in every row.
                   May be given several times.
  --runs N         Timed runs of each contender, default 5 (with --quick 3).
  --quick          Smaller images, to see whether something works; the figures say little.
  --long           Also the rows that take minutes.
  --json FILE      Everything that was measured, as JSON.
  --markdown FILE  The tables as Markdown; where the file has the lines <!-- bench --> and
                   <!-- /bench -->, they replace what is between them.
`;

/** @throws if an option is unknown or has an invalid value. */
export function parseBenchOptions(argv: readonly string[]): BenchOptions | 'help' {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: text,
      contender: text,
      against: { ...text, multiple: true },
      runs: text,
      quick: flag,
      long: flag,
      json: text,
      markdown: text,
      help: flag,
    },
  });
  if (values.help) return 'help';
  const timedRuns = Number(values.runs ?? (values.quick ? 3 : 5));
  if (!Number.isInteger(timedRuns) || timedRuns < 1) throw new Error('--runs must be 1 or more');
  return {
    only: new RegExp(values.only ?? '', 'i'),
    contenders: new RegExp(values.contender ?? '', 'i'),
    builds: (values.against ?? []).map(parseBuild),
    timedRuns,
    quick: values.quick,
    long: values.long,
    jsonPath: values.json,
    markdownPath: values.markdown,
  };
}

function parseBuild(text: string): Build {
  const [, name, path] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) throw new Error('--against must be NAME=FILE');
  return { name, path };
}
