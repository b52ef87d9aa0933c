export interface Table {
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** For a terminal: the first column to the left, the figures to the right. */
export function alignTable({ header, lines }: Table): string {
  const all = [header, ...lines];
  const widths = header.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  const align = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return all.map((line) => line.map(align).join('  ').trimEnd()).join('\n');
}

export function markdownTable({ header, lines }: Table): string {
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  const escape = (cell: string): string => cell.replaceAll('|', '\\|');
  return [header, rule, ...lines].map((line) => `| ${line.map(escape).join(' | ')} |`).join('\n');
}
