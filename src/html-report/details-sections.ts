import {
  bytesPerSecond,
  formatBytes,
  formatCount,
  formatExactBytes,
  formatSeconds,
  formatSpeed,
} from '../display/format.ts';
import type { Extent } from '../digest/extent.ts';
import { tuning } from '../limits.ts';
import type { ChoiceValue, OptionEntry } from '../options/entry.ts';
import { optionEntries } from '../options/table.ts';
import type { Task } from '../options/task.ts';
import type { PhaseReport } from '../report.ts';
import { cut, html, type Html } from './html.ts';
import type { Figure, RunRecord } from './run-record.ts';
import { scrollable } from './tables.ts';

type Heading = (text: string) => Html;

const { listedOptions, listedUnreadableRanges, noticeBytes, pathBytes } = tuning.htmlReport;

/** What each phase did. */
export function phasesSection(run: RunRecord, heading: Heading): Html {
  const phases = phasesOf(run);
  if (phases.length === 0) return html``;
  const columns = ['processed', 'time', 'speed', 'differing', 'ranges', 'written'];
  return html`<section>
    ${heading('Phases')}
    ${scrollable(
      'Phases',
      html`<table>
        <thead>
          <tr>
            <th scope="col">phase</th>
            ${columns.map((column) => html`<th scope="col" class="n">${column}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${phases.map(phaseRow)}
        </tbody>
      </table>`,
    )}
    ${phases.map(rangesOf)}
  </section>`;
}

function phaseRow(report: PhaseReport): Html {
  const { phase, sizeBytes, examinedBytes = sizeBytes, elapsedMs, differingBytes, writtenBytes } = report;
  const cells = [
    formatBytes(examinedBytes),
    formatSeconds(elapsedMs),
    formatSpeed(bytesPerSecond(examinedBytes, elapsedMs)),
    formatBytes(differingBytes),
    String(report.differingRangeCount),
    formatBytes(writtenBytes),
  ];
  return html`<tr>
    <th scope="row">${phase}</th>
    ${cells.map((cell) => html`<td class="n">${cell}</td>`)}
  </tr>`;
}

/** Where the first differences are, and what could not be read. */
function rangesOf(report: PhaseReport): Html {
  const { phase, differingRanges, differingRangeCount } = report;
  const { unreadableRanges = [], unreadableRangeCount = 0 } = report;
  return html`${phase === 'copy' ? html`` : rangeList(`${phase}: what differed`, differingRanges, differingRangeCount)}
  ${rangeList(`${phase}: what can't be read`, unreadableRanges.slice(0, listedUnreadableRanges), unreadableRangeCount)}`;
}

function rangeList(name: string, ranges: readonly Extent[], count: number): Html {
  if (count === 0) return html``;
  const more = count - ranges.length;
  return html`<details>
    <summary>${name} (${formatCount(count, 'range')})</summary>
    <ul class="plain">
      ${ranges.map(
        ({ offsetBytes, lengthBytes }) =>
          html`<li>at offset ${offsetBytes}: ${formatExactBytes(lengthBytes)}</li>`,
      )}
      ${more > 0 ? html`<li>and ${formatCount(more, 'more range')}</li>` : html``}
    </ul>
  </details>`;
}

/** The statistics of a run, as the command prints them. */
export function figuresSection({ ending: { figures = [] } }: RunRecord, heading: Heading): Html {
  if (figures.length === 0) return html``;
  return html`<section>
    ${heading('Figures')}
    ${scrollable(
      'Figures',
      html`<table>
        <tbody>
          ${figures.map(
            ({ name, value }, index) =>
              html`<tr>
                <th scope="row">${`${groupOf(figures, index)} ${name}`.replace(/:/g, '').trim()}</th>
                <td>${cut(value, noticeBytes)}</td>
              </tr>`,
          )}
        </tbody>
      </table>`,
    )}
  </section>`;
}

function groupOf(figures: readonly Figure[], index: number): string {
  const named = figures.slice(0, index + 1).filter(({ group }) => group !== '');
  return named[named.length - 1]?.group ?? '';
}

export function warningsSection({ warnings }: RunRecord, heading: Heading): Html {
  const { items, omittedCount } = warnings;
  if (items.length === 0) return html``;
  return html`<section>
    ${heading('Warnings')}
    <ul class="plain">
      ${items.map((message) => html`<li>${cut(message, noticeBytes)}</li>`)}
      ${omittedCount > 0 ? html`<li>and ${formatCount(omittedCount, 'more warning')}</li>` : html``}
    </ul>
  </section>`;
}

/** The options that were given, under their long names. */
export function optionsSection({ task }: RunRecord): Html {
  const given = givenOptions(task).slice(0, listedOptions);
  return html`<section>
    <details>
      <summary>Options</summary>
      ${scrollable(
        'Options',
        html`<table>
          <tbody>
            ${given.map(
              ([name, value]) =>
                html`<tr>
                  <th scope="row">${name}</th>
                  <td>${cut(value, pathBytes)}</td>
                </tr>`,
            )}
          </tbody>
        </table>`,
      )}
    </details>
  </section>`;
}

function givenOptions({ options }: Task): [string, string][] {
  const values: Readonly<Record<string, unknown>> = { ...options };
  return optionEntries.flatMap(([name, entry]): [string, string][] => {
    const value = entry.key === undefined ? undefined : values[entry.key];
    if (value === undefined || value === false) return [];
    if (Array.isArray(value)) return value.map((each) => [name, String(each)]);
    return [[name, optionText(entry, value as string | number | true)]];
  });
}

/** In the unit that a reader expects. */
function optionText({ value: kind }: OptionEntry, value: string | number | true): string {
  if (value === true) return 'yes';
  if (typeof value === 'string') return kind.type === 'choice' ? wordOf(kind, value) : value;
  switch (kind.type) {
    case 'size':
    case 'optional size':
      return formatBytes(value);
    case 'rate':
      return formatSpeed(value);
    case 'duration':
      return formatSeconds(value);
    case 'flag':
    case 'choice':
    case 'integer':
    case 'path':
    case 'host':
    case 'user':
    case 'text':
      return String(value);
  }
}

/** The word that leads to a value. */
function wordOf({ choices }: ChoiceValue, value: string): string {
  return Object.keys(choices).find((word) => choices[word] === value) ?? value;
}

function phasesOf({ ending: { report }, endedPhases }: RunRecord): readonly PhaseReport[] {
  return report !== undefined && 'phases' in report ? report.phases : endedPhases;
}
