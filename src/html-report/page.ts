import { createHash } from 'node:crypto';
import { figuresSection, optionsSection, phasesSection, warningsSection } from './details-sections.ts';
import { html, type Html, verbatim } from './html.ts';
import { mapSection } from './map-section.ts';
import { ratesSection } from './rates-section.ts';
import { factsOf, formatTime, resultBox } from './result.ts';
import type { RunRecord } from './run-record.ts';
import { style } from './style.ts';
import { limitSentence, timeSection } from './time-section.ts';

/** What every page states about itself. */
export interface Origin {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly writtenMs: number;
}

/** The first line of every page. A file that begins with it may be replaced by a later page. */
export const pageStart = '<!doctype html><!-- Basyn report -->';

/** The page of one run: a document that needs nothing else. */
export function runPage(run: RunRecord, origin: Origin): string {
  const heading = (text: string): Html => html`<h2>${text}</h2>`;
  const body = html`${resultBox(run, (content) => html`<h1>${content}</h1>`)} ${limitSentence(run)}
  ${factsOf(run)} ${runSections(run, heading)}`;
  return page({ title: `Basyn: ${run.ending.status}`, body, origin });
}

/** Everything about a run below its result. */
export function runSections(run: RunRecord, heading: (text: string) => Html): Html {
  return html`${mapSection(run, heading)} ${ratesSection(run, heading)} ${timeSection(run, heading)}
  ${phasesSection(run, heading)} ${figuresSection(run, heading)} ${warningsSection(run, heading)}
  ${optionsSection(run)}`;
}

export function page({
  title,
  body,
  origin: { version, writtenMs },
}: {
  readonly title: string;
  readonly body: Html;
  readonly origin: Origin;
}): string {
  const { text } = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${contentPolicy()}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <link rel="icon" href="data:," />
      <title>${title}</title>
      ${verbatim(`<style>${style}</style>`)}
    </head>
    <body>
      <header><p class="kicker">Basyn ${version}, ${formatTime(writtenMs)}</p></header>
      <main>${body}</main>
    </body>
  </html>`;
  return `${pageStart}\n${text.replace(/\n\s+/g, '\n')}\n`;
}

/** The page loads nothing and runs nothing. Only its own style sheet counts. */
function contentPolicy(): string {
  const hash = createHash('sha256').update(style).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;
}
