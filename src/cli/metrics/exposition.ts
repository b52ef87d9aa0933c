import { families, type Family, type JobMeasures, type Measure } from './families.ts';

/** What tells a job apart from those of other files and kinds. */
export interface JobIdentity {
  /** The file of jobs. Undefined: a single run. */
  readonly file?: string;
  readonly name: string;
  readonly kind: 'transfer' | 'recheck' | 'record' | 'inspect';
}

export function isSameJob(one: JobIdentity, other: JobIdentity): boolean {
  return one.file === other.file && one.name === other.name && one.kind === other.kind;
}

export interface JobMetrics extends JobIdentity {
  readonly measures: JobMeasures;
}

/** The first line of a file that Basyn has written. For Prometheus it is a comment. */
const marker = '# Written by basyn, which replaces the whole file.';

/** The text format of Prometheus. */
export function expositionText(jobs: readonly JobMetrics[]): string {
  return [marker, ...families.flatMap((family) => familyLines(family, jobs)), ''].join('\n');
}

function familyLines({ name, help, unit, samples }: Family, jobs: readonly JobMetrics[]): string[] {
  const lines = jobs.flatMap(({ measures, file, name: job, kind }) =>
    samples.flatMap(({ measure, device }) => {
      const value = measures[measure];
      if (value === undefined) return [];
      return [`${name}${labelText({ file, name: job, kind, device })} ${numberText(value, unit)}`];
    }),
  );
  return lines.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines];
}

function labelText(labels: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(labels).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${escaped(value)}"`],
  );
  return `{${pairs.join(',')}}`;
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

function escaped(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => escapes[character]!);
}

/** Measures in milliseconds become seconds. */
function numberText(value: number, unit: Family['unit']): string {
  return unit === 'seconds' ? `${value / 1000}` : `${value}`;
}

/** Whether Basyn has written the text. */
export function isOurs(text: string): boolean {
  return text.startsWith(`${marker}\n`);
}

/** Reads what {@link expositionText} has written. Metrics that this version does not know are left out. */
export function readExposition(text: string): JobMetrics[] {
  const jobs = new Map<string, JobIdentity & { readonly measures: Partial<Record<Measure, number>> }>();
  for (const line of text.split('\n')) {
    const sample = readSample(line);
    if (sample === undefined) continue;
    const { identity, measure, value } = sample;
    const key = JSON.stringify([identity.file, identity.name, identity.kind]);
    const job = jobs.get(key) ?? { ...identity, measures: {} };
    job.measures[measure] = value;
    jobs.set(key, job);
  }
  return [...jobs.values()].map(({ measures, ...identity }) => ({
    ...identity,
    measures: {
      ...measures,
      success: measures.success === 1 ? 1 : 0,
      lastSuccessMs: measures.lastSuccessMs ?? 0,
      lastRunMs: measures.lastRunMs ?? 0,
    },
  }));
}

interface ReadSample {
  readonly identity: JobIdentity;
  readonly measure: Measure;
  readonly value: number;
}

const samplePattern = /^(?<name>\w+)\{(?<labels>.*)\} (?<value>\S+)$/;
const labelPattern = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function readSample(line: string): ReadSample | undefined {
  const { name, labels = '', value = '' } = samplePattern.exec(line)?.groups ?? {};
  const family = families.find((known) => known.name === name);
  if (family === undefined) return undefined;
  const { file, name: job = '', kind, device } = readLabels(labels);
  const sample = family.samples.find((known) => known.device === device);
  const number = Number(value);
  if (sample === undefined || !Number.isFinite(number)) return undefined;
  return {
    identity: { ...(file !== undefined && { file }), name: job, kind: kind as JobIdentity['kind'] },
    measure: sample.measure,
    value: family.unit === 'seconds' ? Math.round(number * 1000) : number,
  };
}

function readLabels(text: string): Partial<Record<string, string>> {
  const pairs = [...text.matchAll(labelPattern)].map(([, name = '', value = '']) => [name, unescaped(value)]);
  return Object.fromEntries(pairs) as Partial<Record<string, string>>;
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
