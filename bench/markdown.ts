import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { limitTable, machineLines, rowTable, verdictTable, type BenchReport } from './report.ts';
import { markdownTable } from './table.ts';

const BEGIN = '<!-- bench -->';
const END = '<!-- /bench -->';

/** Writes the report into a page, between its two markers if it has them. */
export function writeMarkdown(path: string, report: BenchReport): void {
  const text = [BEGIN, toMarkdown(report), END].join('\n\n');
  const page = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  const isMarked = begin !== -1 && end > begin;
  writeFileSync(path, isMarked ? page.slice(0, begin) + text + page.slice(end + END.length) : `${text}\n`);
}

function toMarkdown(report: BenchReport): string {
  return [
    machineLines(report)
      .map((line) => `- ${line}`)
      .join('\n'),
    markdownTable(verdictTable(report)),
    markdownTable(limitTable(report.limits)),
    ...report.rows.map((row) => markdownTable(rowTable(row))),
  ].join('\n\n');
}
