import { formatBytes, formatClock, formatCount, formatSeconds } from '../display/format.ts';
import { tuning } from '../limits.ts';
import type { Task } from '../options/task.ts';
import type { DeviceReport, PhaseReport, RunReport } from '../report.ts';
import { cut, cutPath, html, type Html } from './html.ts';
import type { RunRecord } from './run-record.ts';

const { messageBytes, pathBytes } = tuning.htmlReport;

/** How a run ended, and what to do: what the reader wants to know first. */
export function resultBox(run: RunRecord, heading: (content: Html) => Html): Html {
  const { word, sentence, details } = resultOf(run);
  const isGood = run.ending.status === 'succeeded';
  return html`<div class="${isGood ? 'result' : 'result bad'}">
    ${heading(html`<span class="word">${word}</span> ${sentence}`)}
    ${details.map((detail) => html`<p>${detail}</p>`)}
  </div>`;
}

/** What a run did, and with what. */
export function factsOf(run: RunRecord): Html {
  const { task, startedMs, elapsedMs, phases } = run;
  const { host } = task.options;
  const unended = phases.find(({ state }) => state === 'not ended');
  const facts: [string, string | Html][] = [
    ...deviceFacts(run),
    ...(host === undefined ? [] : [['Host', cut(host, pathBytes)] as [string, string]]),
    ['Work', workOf(task)],
    ['Started', formatTime(startedMs)],
    ['Duration', elapsedMs < 60_000 ? formatSeconds(elapsedMs) : formatClock(elapsedMs)],
  ];
  if (unended !== undefined && unended.workBytes > 0) {
    const { phase, doneBytes, workBytes } = unended;
    const percent = Math.floor((doneBytes / workBytes) * 100);
    facts.push([
      'Came to',
      `${phase}: ${formatBytes(doneBytes)} of ${formatBytes(workBytes)} (${percent} %) were done`,
    ]);
  }
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<dt>${name}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

/** One sentence, and others below it. */
export interface Result {
  readonly word: string;
  readonly sentence: string;
  readonly details: readonly string[];
}

export function resultOf(run: RunRecord): Result {
  const { ending } = run;
  const { status, error, report } = ending;
  const word = { succeeded: 'Succeeded:', failed: 'Failed:', skipped: 'Skipped:', 'not ended': 'Not ended:' }[
    status
  ];
  if (status === 'succeeded') return { word, sentence: successOf(run), details: [] };
  const differences =
    report !== undefined && 'phases' in report && 'target' in report ? differencesOf(report) : [];
  // The first sentence of a message says what has happened, and the others what to do.
  const [first = '', ...others] = error === undefined ? [] : sentencesOf(cut(error.message, messageBytes));
  const sentences = error === undefined ? differences : [first, ...others, ...differences];
  const [sentence = 'the run was still going on when this page was written.', ...details] = sentences;
  return { word, sentence, details: details.length === 0 ? [] : [details.join(' ')] };
}

/** A message as its sentences. */
function sentencesOf(message: string): string[] {
  return message.split(/(?<=[.!?]) (?=[A-Z])/);
}

function successOf(run: RunRecord): string {
  const { report } = run.ending;
  if (report === undefined) return 'all is done.';
  if ('local' in report) return 'both devices can be opened.';
  if (!('target' in report)) {
    return `the state file describes ${formatCount(report.stateFile.knownBuffers, 'buffer')} of ${nameOf(report.source)}.`;
  }
  return (
    report.phases.map((phase) => phaseSentence(phase, isDryRun(run))).join(' ') || 'there was nothing to do.'
  );
}

function phaseSentence(phase: PhaseReport, dryRun: boolean): string {
  const { differingBytes, differingRangeCount, writtenBytes } = phase;
  const ranges = `${formatBytes(differingBytes)} in ${formatCount(differingRangeCount, 'range')}`;
  if (phase.phase === 'recheck') return 'The recheck found no difference.';
  if (dryRun) {
    return differingBytes === 0
      ? 'nothing differs, and nothing was written (dry run).'
      : `${ranges} would be written, and nothing was (dry run).`;
  }
  if (phase.phase === 'copy') return `${formatBytes(phase.sizeBytes)} were copied.`;
  if (differingBytes === 0) return 'nothing differed, the target was equal already.';
  return writtenBytes === differingBytes
    ? `${ranges} differed and were written.`
    : `${ranges} differed, and ${formatBytes(writtenBytes)} were written.`;
}

/** Nothing was written, or would have been. */
export function isDryRun({ ending: { report }, task }: RunRecord): boolean {
  if (report !== undefined && 'dryRun' in report) return report.dryRun;
  return task.kind === 'sync' && task.options.dryRun === true;
}

/** Why a run that went to its end has failed. */
function differencesOf({ phases, sizesMatch, source, target, dryRun }: RunReport): string[] {
  const recheck = phases.find(({ phase }) => phase === 'recheck');
  const sentences: string[] = [];
  if (recheck !== undefined && recheck.differingBytes > 0) {
    const { differingBytes, differingRangeCount } = recheck;
    sentences.push(
      `the devices differ: ${formatBytes(differingBytes)} in ${formatCount(differingRangeCount, 'range')}.`,
    );
  }
  if (!sizesMatch) {
    sentences.push(
      `the devices differ in size: ${nameOf(source)} has ${source.sizeBytes} bytes, ${nameOf(target)} has ${target.sizeBytes}.`,
    );
  }
  for (const { phase, unreadableBytes = 0, unreadableRangeCount = 0 } of phases) {
    if (unreadableBytes === 0) continue;
    const left = `${dryRun ? 'would be' : 'were'} left as they are on the target`;
    const outcome = phase === 'recheck' ? 'were not compared' : left;
    const where = `${formatBytes(unreadableBytes)} in ${formatCount(unreadableRangeCount, 'range')} of ${nameOf(source)}`;
    sentences.push(`${where} can't be read, and ${outcome} (${phase}).`);
  }
  return sentences;
}

function deviceFacts(run: RunRecord): [string, Html][] {
  const { task, source, target } = run;
  const { report } = run.ending;
  if (report !== undefined && 'local' in report) {
    return [
      ['Local', describeDevice(report.local)],
      ['Remote', describeDevice(report.remote)],
    ];
  }
  if (source === undefined) {
    const { local, remote } = task.options;
    const paths: [string, string | undefined][] = [
      ['Local', local],
      ['Remote', remote],
    ];
    return paths.flatMap(([name, path]) => (path === undefined ? [] : [[name, pathOf(path)]]));
  }
  const isSourceKnown = 'action' in task.options && task.options.action !== undefined;
  const [first, second] = isSourceKnown ? ['Source', 'Target'] : ['First', 'Second'];
  return [
    [first, describeDevice(source)],
    ...(target === undefined ? [] : [[second, describeDevice(target)] as [string, Html]]),
  ];
}

function describeDevice({ path, kind, sizeBytes }: DeviceReport): Html {
  return html`${pathOf(path)} (${kind}, ${formatBytes(sizeBytes)})`;
}

function nameOf({ path }: DeviceReport): string {
  return cutPath(path, pathBytes);
}

function pathOf(path: string): Html {
  return html`<span class="path">${cutPath(path, pathBytes)}</span>`;
}

/** "SYNC (PUSH), then recheck". */
export function workOf({ kind, options }: Task): string {
  switch (kind) {
    case 'sync': {
      const { mode, action, recheck, dryRun } = options;
      const order = `${mode.toUpperCase()} (${action.toUpperCase()})`;
      return `${order}${recheck === true ? ', then recheck' : ''}${dryRun === true ? ', dry run' : ''}`;
    }
    case 'recheck':
      return 'compare both devices';
    case 'record':
      return 'make a state file from the source alone';
    case 'inspect':
      return 'open both devices';
  }
}

/** "2026-11-26 19:14:29 UTC". */
export function formatTime(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
