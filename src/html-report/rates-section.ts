import { formatClock, formatCount, formatSeconds, formatSpeed } from '../display/format.ts';
import { tuning } from '../limits.ts';
import { cut, html, type Html } from './html.ts';
import type { RateSample } from './rate-series.ts';
import type { RunRecord } from './run-record.ts';
import { dataTable } from './tables.ts';

const { noticeBytes, rateTableRows } = tuning.htmlReport;

/** The speeds over the time of a run, with the times without progress and the attempts. */
export function ratesSection(run: RunRecord, heading: (text: string) => Html): Html {
  const { samples, task } = run;
  if (samples.length === 0) return html``;
  const linkName =
    task.options.host === undefined ? 'Written to the target' : 'Over the link, both directions';
  return html`<section>
    ${heading('Speed over time')}
    ${chart(run, { name: 'Processed', css: 'done', rateOf: ({ doneRate }) => doneRate })}
    ${chart(run, { name: linkName, css: 'sent', rateOf: ({ sentRate }) => sentRate })} ${marksOf(run)}
    <details>
      <summary>The speeds as a table</summary>
      ${tableOf(samples, linkName)}
    </details>
  </section>`;
}

interface Line {
  readonly name: string;
  readonly css: 'done' | 'sent';
  readonly rateOf: (sample: RateSample) => number;
}

/** The width and height of the drawing, which is stretched to the page. */
const [width, height] = [1000, 100];

function chart(run: RunRecord, { name, css, rateOf }: Line): Html {
  const { samples, elapsedMs } = run;
  const rates = samples.map(rateOf);
  const most = Math.max(...rates);
  // A recheck on one host writes nothing.
  if (most === 0) return html``;
  const averageRate =
    samples.reduce((sum, sample) => sum + rateOf(sample) * (sample.endMs - sample.startMs), 0) / elapsedMs;
  const figures = `at most ${formatSpeed(most)}, ${formatSpeed(averageRate)} on average`;
  const xOf = (timeMs: number): number => round((timeMs / elapsedMs) * width);
  // A tenth stays free above the highest point.
  const yOf = (rate: number): number => round(height - (rate / most) * height * 0.9);
  const steps = samples.map(
    (sample, index) => `V${yOf(rates[index]!)}H${xOf(Math.min(sample.endMs, elapsedMs))}`,
  );
  const line = `M${xOf(samples[0]!.startMs)} ${height}${steps.join('')}`;
  return html`<figure>
    <figcaption>${name}: ${figures}</figcaption>
    <svg
      class="chart"
      viewBox="0 0 ${width} ${height}"
      preserveAspectRatio="none"
      role="img"
      aria-label="${name} over the time: ${figures}"
    >
      ${bandsOf(run, xOf)}
      <path class="${css}" d="${line}V${height}" />
    </svg>
    <div class="axis" aria-hidden="true">
      <span>${formatMoment(0, run)}</span><span>${formatMoment(elapsedMs / 2, run)}</span
      ><span>${formatMoment(elapsedMs, run)}</span>
    </div>
  </figure>`;
}

function bandsOf({ stalls, reconnects }: RunRecord, xOf: (timeMs: number) => number): Html[] {
  const band = (css: string, startMs: number, endMs: number, title: string): Html => {
    const x = xOf(startMs);
    // A moment is visible, too.
    const bandWidth = Math.max(round(xOf(endMs) - x), 2);
    return html`<rect class="${css}" x="${x}" y="0" width="${bandWidth}" height="${height}"
      ><title>${title}</title></rect
    >`;
  };
  return [
    ...stalls.items.map(({ startMs, endMs, during }) =>
      band('stall', startMs, endMs, `No progress for ${formatSeconds(endMs - startMs)} (${during})`),
    ),
    ...reconnects.items.map(({ startMs, endMs, attempt }) =>
      band('reconnect', startMs, endMs, `Attempt ${attempt} after ${formatSeconds(endMs - startMs)}`),
    ),
  ];
}

/** The same as text, with the reasons. */
function marksOf(run: RunRecord): Html {
  const { stalls, reconnects } = run;
  const marks = [
    ...stalls.items.map(({ startMs, endMs, during }) => ({
      startMs,
      css: 'stall',
      text: `no progress for ${formatSeconds(endMs - startMs)}, during ${during}`,
    })),
    ...reconnects.items.map(({ startMs, endMs, attempt, reason }) => ({
      startMs,
      css: 'reconnect',
      text: `the link failed: ${cut(reason, noticeBytes)} Attempt ${attempt} began after ${formatSeconds(endMs - startMs)}.`,
    })),
  ].sort((a, b) => a.startMs - b.startMs);
  const omitted = [
    ...(stalls.omittedCount > 0
      ? [`and ${formatCount(stalls.omittedCount, 'shorter time')} without progress`]
      : []),
    ...(reconnects.omittedCount > 0
      ? [`and ${formatCount(reconnects.omittedCount, 'further attempt')}`]
      : []),
  ];
  if (marks.length === 0) return html``;
  return html`<ul class="legend rows">
    ${marks.map(
      ({ startMs, css, text }) =>
        html`<li>
          <svg viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" class="${css}" /></svg
          >${formatMoment(startMs, run)}: ${text}
        </li>`,
    )}
    ${omitted.map((text) => html`<li>${text}</li>`)}
  </ul>`;
}

function tableOf(samples: readonly RateSample[], linkName: string): Html {
  const perRow = Math.ceil(samples.length / rateTableRows);
  const rows = Array.from({ length: Math.ceil(samples.length / perRow) }, (_, index) => {
    const part = samples.slice(index * perRow, (index + 1) * perRow);
    const { startMs } = part[0]!;
    const { endMs } = part[part.length - 1]!;
    const average = (rateOf: (sample: RateSample) => number): string =>
      formatSpeed(
        part.reduce((sum, each) => sum + rateOf(each) * (each.endMs - each.startMs), 0) / (endMs - startMs),
      );
    return [
      formatSeconds(startMs),
      formatSeconds(endMs),
      average(({ doneRate }) => doneRate),
      average(({ sentRate }) => sentRate),
    ];
  });
  return dataTable('The speeds as a table', ['from', 'to', 'processed', linkName.toLowerCase()], rows);
}

/** Seconds in a short run. */
function formatMoment(timeMs: number, { elapsedMs }: RunRecord): string {
  return elapsedMs < 60_000 ? formatSeconds(timeMs) : formatClock(timeMs);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
