import { bytesPerSecond, formatBytes, formatClock, formatCount, formatSpeed } from '../display/format.ts';
import { tuning } from '../limits.ts';
import { cut, cutPath, html, type Html } from './html.ts';
import { type JobRecord, type JobsRecord, sizeOf } from './jobs-collector.ts';
import { type Origin, page, runSections } from './page.ts';
import { factsOf, formatTime, resultBox, resultOf } from './result.ts';
import type { RunRecord } from './run-record.ts';
import { limitSentence } from './time-section.ts';

const { detailBytes, listedJobs, nameBytes, noticeBytes, pathBytes } = tuning.htmlReport;

/** The page of several jobs: those that have failed first and open, then the others in the order of the file. */
export function jobsPage(record: JobsRecord, origin: Origin): string {
  const { jobs, notBegunCount, startedMs, elapsedMs } = record;
  const failed = jobs.filter(isFailed);
  const others = jobs.filter((job) => !isFailed(job));
  const listed = [...failed, ...others].slice(0, listedJobs);
  const details = detailsOf([...failed, ...[...others].sort((a, b) => sizeOf(b) - sizeOf(a))]);
  const allSucceeded = failed.length === 0 && notBegunCount === 0;
  const body = html`<div class="${allSucceeded ? 'result' : 'result bad'}">
      <h1>${headline(record, failed.length)}</h1>
      ${notBegunCount === 0 ? html`` : html`<p>${formatCount(notBegunCount, 'job')} did not begin.</p>`}
    </div>
    <dl class="facts">
      <dt>Started</dt>
      <dd>${formatTime(startedMs)}</dd>
      <dt>Duration</dt>
      <dd>${formatClock(elapsedMs)}</dd>
    </dl>
    <section>
      ${omissions(jobs.length, listed.length, details.size)}
      ${listed.map((job) => jobDetails(job, details.get(job)))}
    </section>`;
  const title = failed.length === 0 ? 'succeeded' : `${failed.length} failed`;
  return page({ title: `Basyn: ${jobs.length} jobs, ${title}`, body, origin });
}

function headline({ jobs, notBegunCount }: JobsRecord, failedCount: number): Html {
  const total = jobs.length + notBegunCount;
  const isGood = failedCount === 0 && notBegunCount === 0;
  const [word, count] = isGood ? ['Succeeded:', total] : ['Failed:', failedCount];
  return html`<span class="word">${word}</span> ${count} of ${formatCount(total, 'job')}.`;
}

function isFailed({ run }: JobRecord): boolean {
  return run.ending.status !== 'succeeded';
}

/** The details of as many jobs as the page has room for, in the given order. */
function detailsOf(jobs: readonly JobRecord[]): ReadonlyMap<JobRecord, Html> {
  const details = new Map<JobRecord, Html>();
  let bytes = 0;
  for (const job of jobs) {
    if (job.detail === 'brief') continue;
    const content = fullDetails(job.run);
    bytes += Buffer.byteLength(content.text);
    if (bytes > detailBytes) break;
    details.set(job, content);
  }
  return details;
}

function omissions(jobCount: number, listedCount: number, detailedCount: number): Html {
  const sentences = [
    ...(detailedCount < listedCount
      ? [
          `This page has the details of ${formatCount(detailedCount, 'job')}: of those that have failed first, then of the largest ones.`,
        ]
      : []),
    ...(listedCount < jobCount
      ? [`${formatCount(jobCount - listedCount, 'further job')} would not fit on it.`]
      : []),
  ];
  return sentences.length === 0 ? html`` : html`<p class="quiet">${sentences.join(' ')}</p>`;
}

function jobDetails(job: JobRecord, details: Html | undefined): Html {
  const { name, run } = job;
  const open = isFailed(job) ? html` open` : html``;
  const css = isFailed(job) ? 'bad' : 'good';
  return html`<details class="job" ${open}>
    <summary>
      <h2>${cut(name, nameBytes)}</h2>
      ${figuresOf(run).map((figure) => html`<span>${figure}</span>`)}
      <span class="word ${css}">${run.ending.status}</span>
    </summary>
    <div>${details ?? briefDetails(run)}</div>
  </details>`;
}

/** What differed, what was sent, the time and the speed, as in the table of the command. */
function figuresOf({ ending: { report }, elapsedMs }: RunRecord): string[] {
  if (report === undefined || !('phases' in report)) return [formatClock(elapsedMs)];
  const { phases, traffic, source } = report;
  const sentBytes = traffic.receivedBytes + traffic.transmittedBytes;
  const speed = formatSpeed(bytesPerSecond(source.sizeBytes, report.elapsedMs));
  return [
    `${formatBytes(phases[0]?.differingBytes ?? 0)} differing`,
    `${formatBytes(sentBytes)} sent`,
    `${formatClock(elapsedMs)} at ${speed}`,
  ];
}

function fullDetails(run: RunRecord): Html {
  return html`${resultBox(run, (content) => html`<p class="lead">${content}</p>`)} ${limitSentence(run)}
  ${factsOf(run)} ${runSections(run, (text) => html`<h3>${text}</h3>`)}`;
}

function briefDetails(run: RunRecord): Html {
  const { word, sentence, details } = resultOf(run);
  const { local, remote, host } = run.task.options;
  const remotePath = remote === undefined || host === undefined ? remote : `${host}:${remote}`;
  const paths = [local, remotePath].filter((path) => path !== undefined);
  return html`<p>${cut([word, sentence, ...details].join(' '), noticeBytes)}</p>
    <p class="quiet">${paths.map((path) => cutPath(path, pathBytes)).join(' and ')}</p>`;
}
