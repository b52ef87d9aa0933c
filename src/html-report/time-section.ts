import { formatSeconds } from '../display/format.ts';
import type { Bottleneck, RunReport, WaitingTimes } from '../report.ts';
import { html, type Html } from './html.ts';
import type { RunRecord } from './run-record.ts';
import { scrollable } from './tables.ts';

/** What limited a run, in a sentence. Nothing where that is not known. */
export function limitSentence(run: RunRecord): Html {
  const bottleneck = reportOf(run)?.bottleneck;
  if (bottleneck === undefined) return html``;
  const { limitedMs, ofMs } = bottleneck;
  const [limited, of] = [limitedMs, ofMs].map((ms) => (ms / 1000).toFixed(ofMs < 10_000 ? 1 : 0));
  return html`<p class="limit">
    Limited by <strong>${limitName(bottleneck)}</strong> (${limited} of ${of} s).
  </p>`;
}

/** Where the time went: what the run did, and what it waited for. Nothing where it was not measured. */
export function timeSection(run: RunRecord, heading: (text: string) => Html): Html {
  const { times, elapsedMs } = reportOf(run) ?? {};
  if (times === undefined || elapsedMs === undefined) return html``;
  const { connectingMs, comparingMs, sendingMs = 0, flushingMs, waitingMs } = times;
  const known = connectingMs + comparingMs + sendingMs + flushingMs;
  const parts: Part[] = [
    { css: 't1', name: 'connecting, and opening the devices', durationMs: connectingMs },
    { css: 't2', name: 'comparing', durationMs: comparingMs },
    { css: 't3', name: 'sending', durationMs: sendingMs },
    { css: 't4', name: 'flushing', durationMs: flushingMs },
    { css: 't6', name: 'the rest', durationMs: Math.max(elapsedMs - known, 0) },
  ];
  return html`<section>
    ${heading('Where the time went')} ${shareBar(parts, elapsedMs)}
    ${timeTable('What the run did', 'the run was', parts, elapsedMs)}
    ${waitingMs === undefined ? html`` : waitingTable(waitingMs, run, elapsedMs)}
  </section>`;
}

function waitingTable(waitingMs: WaitingTimes, { task }: RunRecord, elapsedMs: number): Html {
  const isOneHost = task.options.host === undefined;
  const waits: Part[] = [
    { css: 't5', name: 'the local disk', durationMs: waitingMs.localDisk },
    { css: 't5', name: 'the remote disk', durationMs: waitingMs.remoteDisk },
    ...(isOneHost ? [] : [{ css: 't5', name: 'the link', durationMs: waitingMs.link } as const]),
    { css: 't5', name: 'the processor', durationMs: waitingMs.processor },
  ];
  return html`<p class="quiet">
      All parts of a run work at the same time. So it may wait for several of them at once, and these times
      overlap:
    </p>
    ${timeTable('What the run waited for', 'it waited for', waits, elapsedMs)}`;
}

interface Part {
  readonly css: 't1' | 't2' | 't3' | 't4' | 't5' | 't6';
  readonly name: string;
  readonly durationMs: number;
}

/** The parts of the run, one after the other. */
function shareBar(parts: readonly Part[], elapsedMs: number): Html {
  let fromMs = 0;
  const label = parts.map(({ name, durationMs }) => `${name} ${formatSeconds(durationMs)}`).join(', ');
  return html`<svg
    class="share"
    viewBox="0 0 1000 1"
    preserveAspectRatio="none"
    role="img"
    aria-label="${label}"
  >
    ${parts.map(({ css, name, durationMs }) => {
      const x = (fromMs / elapsedMs) * 1000;
      fromMs += durationMs;
      const title = `${name}: ${formatSeconds(durationMs)}`;
      return barOf({ css, x, width: (durationMs / elapsedMs) * 1000, title });
    })}
  </svg>`;
}

function timeTable(name: string, header: string, parts: readonly Part[], elapsedMs: number): Html {
  return scrollable(
    name,
    html`<table class="times">
      <thead>
        <tr>
          <th scope="col">${header}</th>
          <th scope="col" class="n">time</th>
          <th scope="col" class="n">of the run</th>
          <td class="bar"></td>
        </tr>
      </thead>
      <tbody>
        ${parts.map((part) => timeRow(part, elapsedMs))}
      </tbody>
    </table>`,
  );
}

function timeRow({ css, name, durationMs }: Part, elapsedMs: number): Html {
  const share = Math.min(durationMs / Math.max(elapsedMs, 1), 1);
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="n">${formatSeconds(durationMs)}</td>
    <td class="n">${Math.round(share * 100)} %</td>
    <td class="bar">
      <svg viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true">
        ${barOf({ css, x: 0, width: share * 1000 })}
      </svg>
    </td>
  </tr>`;
}

function barOf({
  css,
  x,
  width,
  title,
}: {
  readonly css: string;
  readonly x: number;
  readonly width: number;
  readonly title?: string;
}): Html {
  const inside = title === undefined ? html`` : html`<title>${title}</title>`;
  return html`<rect class="${css}" x="${x.toFixed(1)}" width="${width.toFixed(1)}" height="1"
    >${inside}</rect
  >`;
}

function limitName({ limitedBy, side }: Bottleneck): string {
  switch (limitedBy) {
    case 'start':
      return 'connecting';
    case 'processor':
      return side === undefined ? 'the processor' : `the ${side} processor`;
    case 'local disk':
    case 'remote disk':
    case 'link':
      return `the ${limitedBy}`;
  }
}

function reportOf({ ending: { report } }: RunRecord): RunReport | undefined {
  return report !== undefined && 'target' in report ? report : undefined;
}
