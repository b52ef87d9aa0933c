import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { mixedBytes } from '../../rig/images/mixed-bytes.ts';
import { lineWith } from '../../rig/processes/command.ts';
import { formatBytes } from '../../src/display/format.ts';
import type { PhaseReport } from '../../src/report.ts';
import { makeBadDisk } from '../support/bad-sectors.ts';
import { expectSentence, hostOptions, jsonLines, jsonPhases, useBasyn } from '../support/basyn.ts';
import { useBrowser } from '../support/browser.ts';
import { isRoot } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const KiB = 1024;
const sizeBytes = 512 * KiB;
/** Of a map with 128 cells. */
const cellBytes = 4 * KiB;

const basyn = useBasyn();
const server = useSshServer();
const browser = useBrowser();

interface Workplace {
  readonly root: string;
  readonly report: string;
  readonly source: string;
  readonly target: string;
  /** Where the two differ: each in one cell of the map. */
  readonly cells: readonly number[];
}

function setUp(cells: readonly number[]): Workplace {
  const root = scratchDirectory();
  const [source, target] = [join(root, 'source.img'), join(root, 'target.img')];
  const bytes = mixedBytes(sizeBytes, 1);
  writeFileSync(source, bytes);
  for (const cell of cells) bytes[cell * cellBytes]! ^= 1;
  writeFileSync(target, bytes);
  return { root, report: join(root, 'report.html'), source, target, cells };
}

const local = ({ source, target, report }: Workplace): string[] => [
  `--local=${source}`,
  `--remote=${target}`,
  `--report=${report}`,
];

/** The cells of the first map that are drawn in one of these ways. */
async function cellsDrawn(page: Page, classes: RegExp): Promise<number[]> {
  const drawn = await page
    .locator('svg.map')
    .first()
    .locator('rect')
    .evaluateAll((rects) =>
      rects.map((rect) => ({
        name: rect.getAttribute('class') ?? '',
        first: Number(rect.getAttribute('y')) * 64 + Number(rect.getAttribute('x')),
        count: Number(rect.getAttribute('width') ?? 1),
      })),
    );
  return drawn.flatMap(({ name, first, count }) =>
    classes.test(name) ? Array.from({ length: count }, (_, index) => first + index) : [],
  );
}

/** The rows of a table, as they are read. */
async function rowsOf(page: Page, name: string): Promise<string[]> {
  const rows = await page.getByRole('group', { name, exact: true }).getByRole('row').allInnerTexts();
  return rows.map((row) => row.replace(/\s+/g, ' ').trim());
}

/** That the page states the same as the report of the phase. */
function phaseRow({ phase, sizeBytes: processed, ...counts }: PhaseReport): RegExp {
  const { differingBytes, differingRangeCount, writtenBytes } = counts;
  const figures = [formatBytes(differingBytes), differingRangeCount, formatBytes(writtenBytes)].join(' ');
  return new RegExp(`^${phase} ${formatBytes(processed)} [\\d.]+ s \\S+ \\S+/s ${figures}$`);
}

async function expectPhases(page: Page, phases: readonly PhaseReport[]): Promise<void> {
  const [, ...rows] = await rowsOf(page, 'Phases');
  expect(rows).toEqual(phases.map((phase) => expect.stringMatching(phaseRow(phase)) as string));
}

const heading = (page: Page): Promise<string> => page.getByRole('heading', { level: 1 }).innerText();
const isSmall = (path: string): boolean => statSync(path).size < 300_000;

describe('the page of --report', () => {
  test('shows over ssh what a SYNC has changed, and where', async () => {
    const place = setUp([0, 1, 77, 100, 127]);
    const options = [
      ...hostOptions(server()),
      '--action=PUSH',
      '--mode=SYNC',
      '--recheck',
      '--chunk=4',
      '--json',
    ];
    const result = await basyn.run([...local(place), ...options]);
    expect(result.exitCode).toBe(0);
    const page = await browser.open(place.report, 'changed');
    expect(await heading(page)).toBe(
      'Succeeded: 20.0 KiB in 4 ranges differed and were written. The recheck found no difference.',
    );
    expect(await cellsDrawn(page, /d3$/)).toEqual(place.cells);
    expect(await cellsDrawn(page, /(d[12]|[usn])$/)).toEqual([]);
    await expectPhases(page, jsonPhases(result));
    expect(await rowsOf(page, 'Figures')).toContain('Changes Differing 20480 bytes (20.0 KiB)');
    // The style sheet of the page counts, although nothing else may be loaded.
    expect(await page.evaluate("getComputedStyle(document.querySelector('.result')).borderLeftStyle")).toBe(
      'solid',
    );
    expect(isSmall(place.report)).toBe(true);
  });

  test('shows where a recheck has found a difference', async () => {
    const place = setUp([5, 100, 101]);
    const result = await basyn.run([...local(place), '--recheck', '--json']);
    expect(result.exitCode).toBe(2);
    const page = await browser.open(place.report, 'differing');
    const [phase] = jsonPhases(result);
    expect(await heading(page)).toBe(
      `Failed: the devices differ: ${formatBytes(phase!.differingBytes)} in ${phase!.differingRangeCount} ranges.`,
    );
    const cells = phase!.differingRanges.flatMap(({ offsetBytes, lengthBytes }) =>
      Array.from({ length: lengthBytes / cellBytes }, (_, index) => offsetBytes / cellBytes + index),
    );
    expect(await cellsDrawn(page, /d\d$/)).toEqual(cells);
    await expectPhases(page, [phase!]);
  });

  test('shows a run that has failed, and what to do', async () => {
    const place = setUp([]);
    const missing = { ...place, target: join(place.root, 'none.img') };
    const result = await basyn.run([...local(missing), '--action=PUSH', '--mode=SYNC', '--json']);
    expect(result.exitCode).toBe(2);
    const page = await browser.open(place.report, 'failed');
    const { message } = jsonLines(result).at(-1) as unknown as { message: string };
    const box = (await page.locator('.result').innerText()).replace(/\s+/g, ' ');
    expect(box).toBe(`Failed: ${message}`);
    expect(message).toContain('add --create.');
  });

  test.runIf(isRoot)('shows what could not be read, and where a run without it ended', async () => {
    const place = setUp([]);
    const bad = [20, 21, 120].map((cell) => ({ offsetBytes: cell * cellBytes, lengthBytes: cellBytes }));
    const disk = await makeBadDisk('file', readFileSync(place.source), bad);
    const options = [...local({ ...place, source: disk.path }), '--action=PUSH', '--mode=SYNC', '--json'];
    const result = await basyn.run([...options, '--skip-read-errors']);
    expect(result.exitCode).toBe(2);
    const page = await browser.open(place.report, 'unreadable');
    expect(await heading(page)).toContain('Failed: 12.0 KiB in 2 ranges of ');
    expect(await cellsDrawn(page, /u$/)).toEqual([20, 21, 120]);
    await expectPhases(page, jsonPhases(result));
    expect((await basyn.run(options)).exitCode).toBe(2);
    expect(readFileSync(place.report, 'utf8')).toContain('input/output error');
  });

  test('shows all jobs, the failed one first and open', async () => {
    const place = setUp([9]);
    const { root, report, source, target } = place;
    const job = (name: string, remote: string, options = ''): string =>
      `[jobs.${name}]\nlocal = "${source}"\nremote = "${remote}"\n${options}\n`;
    const other = join(root, 'other.img');
    const file = join(root, 'night.toml');
    const jobs =
      job('good', target) + job('copied', other, 'create = true') + job('bad', join(root, 'none.img'));
    writeFileSync(file, `share-disks = true\n[defaults]\naction = "PUSH"\nmode = "SYNC"\n${jobs}`);
    mkdirSync(join(root, 'state'));
    const env = { ...process.env, STATE_DIRECTORY: join(root, 'state') };
    const result = await basyn.run([`--jobs=${file}`, `--report=${report}`, '--json'], { env });
    expect(result.exitCode).toBe(2);
    const { jobs: results } = jsonLines(result).at(-1) as unknown as {
      jobs: { name: string; status: string }[];
    };
    const page = await browser.open(report, 'jobs');
    expect(await heading(page)).toBe('Failed: 1 of 3 jobs.');
    const summaries = await page.locator('details.job > summary').allInnerTexts();
    const shown = summaries.map((text) => text.replace(/\s+/g, ' '));
    expect(shown).toEqual([
      expect.stringMatching(/^bad \S+ failed$/),
      expect.stringMatching(/^good 4\.0 KiB differing 4\.0 KiB sent .* succeeded$/),
      expect.stringMatching(/^copied \S+ KiB differing .* succeeded$/),
    ]);
    expect(results.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'good succeeded',
      'copied succeeded',
      'bad failed',
    ]);
    expect(readFileSync(report, 'utf8').match(/<details class="job"\s+open/g)).toHaveLength(1);
    // Paper cannot be unfolded.
    await page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })");
    const sections = 'document.querySelectorAll("details.job section")';
    const areVisible = `[...${sections}].map((section) => section.checkVisibility())`;
    expect(new Set(await page.evaluate<boolean[]>(areVisible))).toEqual(new Set([false]));
    await page.emulateMedia({ media: 'print' });
    expect(new Set(await page.evaluate<boolean[]>(areVisible))).toEqual(new Set([true]));
    expect(isSmall(report)).toBe(true);
  });
});

describe('the file of --report', () => {
  test('is written after a signal as well, with what the run has reached', async () => {
    const place = setUp([2]);
    const options = ['--action=PUSH', '--mode=SYNC', '--read-limit=128', '--json'];
    const run = await basyn.start([...local(place), ...options]);
    await lineWith(run.child.stdout!, '"type":"progress"');
    run.child.kill('SIGTERM');
    expect((await run.result).exitCode).toBe(2);
    const page = readFileSync(place.report, 'utf8');
    expect(page).toMatch(/Stopped by SIGTERM during sync at \d+ of 524288 bytes/);
    expect(page).toContain('not reached');
  });

  test('must be writable, or nothing begins', async () => {
    const place = setUp([2]);
    const before = readFileSync(place.target);
    const report = join(place.root, 'none/report.html');
    const result = await basyn.run([...local({ ...place, report }), '--action=PUSH', '--mode=SYNC']);
    expectSentence(result, 2, `The report ${report} can't be written: no such file or device (ENOENT).`);
    const image = join(place.root, 'other.img');
    writeFileSync(image, 'data');
    expectSentence(
      await basyn.run([...local({ ...place, report: image }), '--action=PUSH', '--mode=SYNC']),
      2,
      `${image} exists, and is no earlier report: nothing was started, and the file is as it was.`,
    );
    expect(readFileSync(place.target).equals(before)).toBe(true);
  });

  test('that cannot be written at the end makes the run a failed one', async () => {
    const place = setUp([]);
    const target = join(place.root, 'new.img');
    const running = await basyn.start([
      ...local({ ...place, target }),
      ...['--action=PUSH', '--mode=COPY', '--create', '--read-limit=400K'],
    ]);
    await expect.poll(() => existsSync(target)).toBe(true);
    writeFileSync(place.report, 'notes\n');
    expectSentence(
      await running.result,
      2,
      `${place.report} exists, and is no earlier report: no report was written, and the file is as it was.`,
    );
    expect(readFileSync(target).equals(readFileSync(place.source))).toBe(true);
  });
});
