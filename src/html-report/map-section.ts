import { formatBytes } from '../display/format.ts';
import { tuning } from '../limits.ts';
import type { ReportedPhase } from '../report.ts';
import type { CellBytes, MapCell } from './device-map.ts';
import { html, type Html } from './html.ts';
import { isDryRun } from './result.ts';
import type { PhaseRecord, RunRecord } from './run-record.ts';
import { dataTable } from './tables.ts';

/** The maps of a run: what was found in each part of the device. Nothing where no phase has begun. */
export function mapSection(run: RunRecord, heading: (text: string) => Html): Html {
  const shown = run.phases.filter((phase) => isWorthMap(phase, run));
  if (shown.length === 0) return html``;
  const figures = shown.map((phase) => {
    const cells = joined(phase.cells, shown.length);
    return figureOf({ ...phase, cells }, differenceWord(phase.phase, run));
  });
  return html`<section>${heading('Map of the device')} ${figures}</section>`;
}

/** After a SYNC, the map of a recheck that found nothing would only repeat that. */
function isWorthMap({ phase, state, cells }: PhaseRecord, { phases }: RunRecord): boolean {
  if (phase === 'record' || cells.length === 0) return false;
  if (phase !== 'recheck' || phases.length === 1 || state === 'not ended') return true;
  const { differing, unreadable } = totalOf(cells);
  return differing + unreadable > 0;
}

/** Each of the cells becomes a part of a longer one. */
function joined(cells: readonly MapCell[], perCell: number): readonly MapCell[] {
  if (perCell === 1) return cells;
  return Array.from({ length: Math.ceil(cells.length / perCell) }, (_, index) => {
    const parts = cells.slice(index * perCell, (index + 1) * perCell);
    const lengthBytes = parts.reduce((sum, part) => sum + part.lengthBytes, 0);
    return { offsetBytes: parts[0]!.offsetBytes, lengthBytes, bytes: totalOf(parts) };
  });
}

/** What became of a range that differed. */
function differenceWord(phase: ReportedPhase, run: RunRecord): string {
  if (phase === 'recheck') return 'differs';
  if (isDryRun(run)) return phase === 'copy' ? 'would be copied' : 'would change';
  return phase === 'copy' ? 'copied' : 'changed';
}

type KindClass = 'e' | 'd1' | 'd2' | 'd3' | 'z' | 's' | 'u' | 'n';

/** A stretch of cells in one row that look alike. */
interface Stretch {
  readonly kind: KindClass;
  readonly column: number;
  readonly row: number;
  readonly cells: MapCell[];
}

function figureOf({ phase, state, accuracy, cells }: PhaseRecord, word: string): Html {
  const total = totalOf(cells);
  const columns = Math.min(cells.length, tuning.htmlReport.mapColumns);
  const rows = Math.ceil(cells.length / columns);
  const ending = state === 'ended' ? '' : ', as far as it came';
  const label = `${phase}${ending}. ${describe(total, word)}.`;
  return html`<figure>
    <figcaption>
      ${phase}${ending}: each cell is ${formatBytes(cells[0]!.lengthBytes)} of the source.
    </figcaption>
    <svg class="map" viewBox="0 0 ${columns} ${rows}" role="img" aria-label="${label}">
      ${stretchesOf(cells, columns).map((stretch) => rectOf(stretch, word))}
      <path d="${gridOf(columns, rows)}" />
    </svg>
    ${legendOf(total, word)} ${accuracy === 'about' ? inaccuracy : html``}
    <details>
      <summary>The map as a table</summary>
      ${tableOf(cells, word)}
    </details>
  </figure>`;
}

const inaccuracy = html`<p class="quiet">
  The link has failed. In the cells where the run went on, what was found twice may be counted twice.
</p>`;

function totalOf(cells: readonly MapCell[]): CellBytes {
  const sum = { equal: 0, differing: 0, notRead: 0, unreadable: 0, unreached: 0, zero: 0 };
  for (const { bytes } of cells) {
    for (const kind of Object.keys(sum) as (keyof CellBytes)[]) sum[kind] += bytes[kind];
  }
  return sum;
}

/** Neighbours of one row are joined where each of them is all of one kind: their title then says the same. */
function stretchesOf(cells: readonly MapCell[], columns: number): Stretch[] {
  const stretches: Stretch[] = [];
  cells.forEach((cell, index) => {
    const row = Math.floor(index / columns);
    const kind = kindOf(cell);
    const last = stretches[stretches.length - 1];
    if (last?.row === row && last.kind === kind && isUniform(cell) && isUniform(last.cells[0]!)) {
      last.cells.push(cell);
    } else {
      stretches.push({ kind, row, column: index % columns, cells: [cell] });
    }
  });
  return stretches;
}

function isUniform({ bytes, lengthBytes }: MapCell): boolean {
  const isWhole = (part: number): boolean => part === 0 || part === lengthBytes;
  return Object.values(bytes).every(isWhole);
}

/** How a cell looks: what matters most in it, and for differences how much of it they are. */
function kindOf({ bytes, lengthBytes }: MapCell): KindClass {
  const { equal, differing, notRead, unreadable, unreached, zero } = bytes;
  if (unreadable > 0) return 'u';
  const share = differing / lengthBytes;
  if (share >= 0.5) return 'd3';
  if (share >= 0.05) return 'd2';
  if (share > 0) return 'd1';
  if (unreached > lengthBytes / 2) return 'n';
  if (notRead > equal) return 's';
  return zero > lengthBytes / 2 ? 'z' : 'e';
}

function rectOf({ kind, column, row, cells }: Stretch, word: string): Html {
  const last = cells[cells.length - 1]!;
  const offsetBytes = cells[0]!.offsetBytes;
  const endBytes = last.offsetBytes + last.lengthBytes;
  const title = `${rangeText(offsetBytes, endBytes)}: ${describe(totalOf(cells), word)}`;
  const place = html`x="${column}" y="${row}"`;
  return cells.length === 1
    ? html`<rect ${place} class="${kind}"><title>${title}</title></rect>`
    : html`<rect ${place} width="${cells.length}" class="w ${kind}"><title>${title}</title></rect>`;
}

/** "1.5–2.0 GiB", "512.0 MiB–1.5 GiB". */
function rangeText(offsetBytes: number, endBytes: number): string {
  const [start, end] = [formatBytes(offsetBytes).split(' '), formatBytes(endBytes).split(' ')];
  return start[1] === end[1] ? `${start[0]}–${end.join(' ')}` : `${start.join(' ')}–${end.join(' ')}`;
}

function gridOf(columns: number, rows: number): string {
  const down = Array.from({ length: columns - 1 }, (_, index) => `M${index + 1} 0v${rows}`);
  const across = Array.from({ length: rows - 1 }, (_, index) => `M0 ${index + 1}h${columns}`);
  return [...down, ...across].join('');
}

interface Part {
  readonly key: keyof CellBytes;
  readonly kind: KindClass;
  readonly name: string;
}

function partNames(word: string): readonly Part[] {
  return [
    { key: 'equal', kind: 'e', name: 'equal' },
    { key: 'differing', kind: 'd3', name: word },
    { key: 'unreadable', kind: 'u', name: 'unreadable' },
    { key: 'notRead', kind: 's', name: 'not read' },
    { key: 'unreached', kind: 'n', name: 'not reached' },
    { key: 'zero', kind: 'z', name: 'zero or hole' },
  ];
}

/** "60.0 KiB equal, 4.0 KiB changed". */
function describe(bytes: CellBytes, word: string): string {
  const parts = partNames(word)
    .filter(({ key }) => bytes[key] > 0 && key !== 'zero')
    .map(({ key, name }) => `${formatBytes(bytes[key])} ${name}`);
  const zeros = bytes.zero > 0 ? `; of it, ${formatBytes(bytes.zero)} zero or hole` : '';
  return `${parts.join(', ')}${zeros}`;
}

/** Only what is on the map. The three shades of a difference are one kind. */
function legendOf(total: CellBytes, word: string): Html {
  const items = partNames(word)
    .filter(({ key }) => total[key] > 0)
    .map(({ key, kind, name }) => {
      const note =
        key === 'zero' && total.equal + total.differing > 0 ? ' (counted with the others as well)' : '';
      const shades: KindClass[] = key === 'differing' ? ['d1', 'd2', 'd3'] : [kind];
      return html`<li>${shades.map(swatch)}${name} ${formatBytes(total[key])}${note}</li>`;
    });
  const shades = html`<p class="quiet">
    The three shades: less than 5 % of a cell, less than 50 %, and more.
  </p>`;
  return html`<ul class="legend">
      ${items}
    </ul>
    ${total.differing > 0 ? shades : html``}`;
}

function swatch(kind: KindClass): Html {
  return html`<svg viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" class="${kind}" /></svg>`;
}

/** The same numbers in fewer rows, for those who can't see the map. */
function tableOf(cells: readonly MapCell[], word: string): Html {
  const perRow = Math.ceil(cells.length / tuning.htmlReport.mapTableRows);
  const total = totalOf(cells);
  const columns = partNames(word).filter(({ key }) => total[key] > 0);
  const rows = Array.from({ length: Math.ceil(cells.length / perRow) }, (_, index) => {
    const part = cells.slice(index * perRow, (index + 1) * perRow);
    const last = part[part.length - 1]!;
    const bytes = totalOf(part);
    return [
      formatBytes(part[0]!.offsetBytes),
      formatBytes(last.offsetBytes + last.lengthBytes),
      ...columns.map(({ key }) => formatBytes(bytes[key])),
    ];
  });
  return dataTable('The map as a table', ['from', 'to', ...columns.map(({ name }) => name)], rows);
}
