/** The measurements as readable tables. */

import type { Verdict } from './check.ts';
import type { Limit, Machine } from './machine.ts';
import type { Entry, RowResult } from './row.ts';
import type { Table } from './table.ts';

/** All results of a benchmark: the content of the JSON file. */
export interface BenchReport {
  readonly startedAt: string;
  readonly quick: boolean;
  readonly timedRuns: number;
  readonly machine: Machine;
  readonly limits: readonly Limit[];
  readonly rows: readonly RowResult[];
  readonly worstPeak: Verdict;
}

const NOT_MEASURED = '–';

export function machineLines({ machine, quick, timedRuns, startedAt }: BenchReport): string[] {
  const { processor, cores, memoryBytes, kernel, node, tools } = machine;
  return [
    `${startedAt.slice(0, 10)}, median of ${timedRuns}${quick ? ', small images (--quick)' : ''}`,
    `${cores} cores of ${processor}, ${Math.round(memoryBytes / 2 ** 30)} GiB, Linux ${kernel}, node ${node}`,
    ...Object.values(tools),
  ];
}

export function verdictTable({ rows, worstPeak }: Pick<BenchReport, 'rows' | 'worstPeak'>): Table {
  return {
    header: ['work', 'against', 'bound', 'measured', ''],
    lines: [...rows.flatMap(({ verdicts }) => verdicts), worstPeak].map(verdictLine),
  };
}

function verdictLine({ title, against, bound, figure, passed }: Verdict): string[] {
  const measured = figure === undefined ? NOT_MEASURED : `${figure.toFixed(2)}×`;
  const mark = passed === undefined ? 'not measured' : passed ? 'pass' : 'not reached';
  return [title, against, `${bound.kind} ${bound.value}×`, measured, mark];
}

export function rowTable({ title, entries }: RowResult): Table {
  return {
    header: [title, 'median', 'spread', 'CPU here', 'there', 'wire', 'memory here', 'there'],
    lines: entries.map(entryLine),
  };
}

function entryLine({ name, summary }: Entry): string[] {
  const { wallMs, medianMs, localCpuMs, remoteCpuMs, wireBytes } = summary;
  const { localPeakBytes, remotePeakBytes } = summary;
  const isRemote = wireBytes !== undefined;
  return [
    name,
    seconds(medianMs),
    `${seconds(Math.min(...wallMs))} to ${seconds(Math.max(...wallMs))}`,
    seconds(localCpuMs),
    isRemote ? seconds(remoteCpuMs) : NOT_MEASURED,
    isRemote ? `${(wireBytes / 1e6).toFixed(2)} MB` : NOT_MEASURED,
    mebibytes(localPeakBytes),
    remotePeakBytes === undefined ? NOT_MEASURED : mebibytes(remotePeakBytes),
  ];
}

export function limitTable(limits: readonly Limit[]): Table {
  return {
    header: ['limit of the machine, in the same run', ''],
    lines: limits.map(({ name, value, unit }) => [name, `${Math.round(value)} ${unit}`]),
  };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 1000 ? 3 : 2)} s`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
