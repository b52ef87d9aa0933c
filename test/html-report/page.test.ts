import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { jobsPage } from '../../src/html-report/jobs-page.ts';
import { pageStart, runPage } from '../../src/html-report/page.ts';
import { tuning } from '../../src/limits.ts';
import type { RunReport } from '../../src/report.ts';
import { largestRun, plainRun, task } from './page.fixture.ts';

const origin = { version: '1.0.0', writtenMs: 0 };
const most = 300_000;

describe('the page of a run', () => {
  test('states the result first, and below it what to do', () => {
    const error = new BasynError('device', 'target /dev/b does not exist. To create it, add --create.');
    const page = runPage(plainRun({ status: 'failed', error }), origin);
    expect(textOf(page)).toMatch(
      /^Basyn: failed Basyn 1\.0\.0, 1970-01-01 00:00:00 UTC Failed: target \/dev\/b does not exist\. To create it, add --create\. Local \/dev\/a/,
    );
    expect(page).toContain('<h1><span class="word">Failed:</span> target /dev/b does not exist.</h1>');
  });

  test('states what limited the run, and where its time went', () => {
    const report: RunReport = {
      source: { side: 'local', path: '/a', kind: 'regular file', sizeBytes: 1 },
      target: { side: 'remote', path: '/b', kind: 'regular file', sizeBytes: 1 },
      ...{ dryRun: false, phases: [], sizesMatch: true, matches: true, elapsedMs: 41_000 },
      traffic: { receivedBytes: 1, transmittedBytes: 1 },
      times: {
        ...{ connectingMs: 1_000, comparingMs: 2_000, sendingMs: 36_000, flushingMs: 500 },
        waitingMs: { localDisk: 4_100, remoteDisk: 0, link: 38_000, processor: 800 },
      },
      bottleneck: { limitedBy: 'link', limitedMs: 38_000, ofMs: 41_000 },
    };
    const text = textOf(runPage(plainRun({ status: 'succeeded', report }), origin));
    expect(text).toContain('Limited by the link (38 of 41 s).');
    expect(text).toContain('sending 36.0 s 88 %');
    expect(text).toContain('the rest 1.5 s 4 %');
    expect(text).toContain('the local disk 4.1 s 10 % the remote disk 0.0 s 0 % the link 38.0 s 93 %');
  });

  test('shows text from outside as text', () => {
    const evil = `<script>alert(1)</script> & "x" 'y' </style> \u001b[31m \u202e`;
    const shown = `&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot; &#39;y&#39; &lt;/style&gt; \\x1b[31m \\u202e`;
    const error = new BasynError('device', evil);
    const options = { ...task.options, local: evil, host: evil };
    const page = runPage(
      plainRun(
        { status: 'failed', error, figures: [{ group: evil, name: '', value: evil }] },
        {
          task: { kind: 'inspect', options: { ...options, remote: evil } },
          warnings: { items: [evil], omittedCount: 0 },
          samples: [{ startMs: 0, endMs: 1_000, doneRate: 1, sentRate: 1 }],
          reconnects: { items: [{ startMs: 0, endMs: 1, attempt: 2, reason: evil }], omittedCount: 0 },
        },
      ),
      origin,
    );
    expect(page).not.toContain('<script');
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    // The message, the warning, the reason, two paths, the host, three options and both parts of the figure.
    expect(page.split(shown)).toHaveLength(12);
  });

  test('allows nothing to be loaded or run, and only its own style sheet', () => {
    const page = runPage(plainRun({ status: 'succeeded' }), origin);
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(page).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;;`);
    expect(page).not.toMatch(/https?:|\ssrc=|\sstyle=|\son\w+=|url\(/);
    expect(page.startsWith(`${pageStart}\n<html lang="en">`)).toBe(true);
  });

  // An apostrophe takes five bytes, and a character of another script three.
  test.each(['a', "'", '語'])(
    'is shorter than 300 kB, however much there is to show, with text of %s',
    (text) => {
      const page = runPage(largestRun(text, tuning.htmlReport.mapCells), origin);
      expect(page.length).toBeGreaterThan(100_000);
      expect(Buffer.byteLength(page)).toBeLessThan(most);
    },
  );
});

describe('the page of many jobs', () => {
  test('has the failed ones first and open, and each one can be opened', () => {
    const jobs = (['succeeded', 'failed', 'skipped', 'succeeded'] as const).map((status, index) => ({
      name: `job${index}`,
      run: plainRun({ status }),
      detail: 'full' as const,
    }));
    const page = jobsPage({ jobs, notBegunCount: 0, startedMs: 0, elapsedMs: 60_000 }, origin);
    expect(textOf(page)).toContain('Failed: 2 of 4 jobs.');
    const found = [...page.matchAll(/<details class="job"\s*(open)?\s*>\s*<summary>\s*<h2>(\w+)<\/h2>/g)];
    expect(found.map(([, open, name]) => `${name} ${open ?? ''}`.trim())).toEqual([
      'job1 open',
      'job2 open',
      'job0',
      'job3',
    ]);
  });

  test('counts what did not begin as a failure', () => {
    const jobs = [{ name: 'a', run: plainRun({ status: 'succeeded' }), detail: 'full' as const }];
    const page = jobsPage({ jobs, notBegunCount: 2, startedMs: 0, elapsedMs: 60_000 }, origin);
    expect(textOf(page)).toContain('Failed: 0 of 3 jobs. 2 jobs did not begin.');
  });

  test('stays bounded with 2,000 jobs, and states what is left out', () => {
    const { jobMapCells, detailedFailedJobs } = tuning.htmlReport;
    const run = largestRun("'", jobMapCells);
    const jobs = Array.from({ length: 2_000 }, (_, index) => {
      const detail = index < detailedFailedJobs ? ('full' as const) : ('brief' as const);
      return { name: `job ${index} ${'x'.repeat(100)}`, run, detail };
    });
    const page = jobsPage({ jobs, notBegunCount: 0, startedMs: 0, elapsedMs: 60_000 }, origin);
    expect(Buffer.byteLength(page)).toBeLessThan(5_000_000);
    expect(page.match(/<details class="job"/g)).toHaveLength(1_000);
    expect(textOf(page)).toMatch(
      /This page has the details of \d+ jobs?: .* 1000 further jobs would not fit on it\./,
    );
  });
});

/** What a reader sees of a page, in one line. */
function textOf(page: string): string {
  return page
    .replace(/<style>[^]*<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
