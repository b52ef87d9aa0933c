/**
 * Measures Basyn and the tools in common use, in the same run on the same images, and reports whether
 * Basyn reaches its performance goals. See docs/performance.md.
 */

import { writeFileSync } from 'node:fs';
import { withBuilds } from './builds.ts';
import { imageBytes } from './images.ts';
import { describeMachine, measureLimits } from './machine.ts';
import { writeMarkdown } from './markdown.ts';
import { startNetwork } from './network.ts';
import { parseBenchOptions, usage, type BenchOptions } from './options.ts';
import { judgeWorstPeak } from './peak.ts';
import { limitTable, machineLines, rowTable, verdictTable, type BenchReport } from './report.ts';
import type { Row, RowResult } from './row.ts';
import { rows } from './rows.ts';
import { makeRowRunner } from './run-row.ts';
import { alignTable } from './table.ts';
import { installBasyn } from './tools.ts';

// Processes and images in memory are cleaned up at exit. A signal alone would not run the exit handlers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

async function main(): Promise<void> {
  const options = parseBenchOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(usage);
    return;
  }
  const report = await bench(options);
  if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, JSON.stringify(report, null, 2));
  if (options.markdownPath !== undefined) writeMarkdown(options.markdownPath, report);
}

/** The environment may make every node preload a module. That takes 40 ms on some machines and must not be measured. */
const nodeVariables = ['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS'];

async function bench(options: BenchOptions): Promise<BenchReport> {
  const { only, contenders, builds, timedRuns, quick, long } = options;
  const startedAt = new Date().toISOString();
  for (const name of nodeVariables) Reflect.deleteProperty(process.env, name);
  const network = await startNetwork(installBasyn(builds));
  if (network === undefined)
    console.error('no sshd or no ssh on this machine: only the local rows are measured');
  try {
    const runner = makeRowRunner(imageBytes[quick ? 'quick' : 'full'], timedRuns, network, showProgress);
    const results: RowResult[] = [];
    for (const row of rows.filter((each) => matches(each, only))) {
      if (row.isLong === true && !long) {
        console.log(`${row.title}: only with --long\n`);
        continue;
      }
      const result = await runner.run(choose(withBuilds(row, builds), contenders));
      results.push(result);
      showProgress('');
      console.log(`${alignTable(rowTable(result))}\n`);
    }
    runner.close();
    showProgress('limits of the machine');
    const limits = await measureLimits(timedRuns, network);
    showProgress('');
    const report = {
      startedAt,
      quick,
      timedRuns,
      machine: describeMachine(),
      limits,
      rows: results,
      worstPeak: judgeWorstPeak(results),
    };
    console.log(`${alignTable(limitTable(limits))}\n`);
    console.log(`${alignTable(verdictTable(report))}\n`);
    console.log(machineLines(report).join('\n'));
    return report;
  } finally {
    await network?.stop();
  }
}

function matches({ title, checks }: Row, only: RegExp): boolean {
  return [title, ...checks.map((check) => check.title)].some((text) => only.test(text));
}

function choose(row: Row, names: RegExp): Row {
  return { ...row, contenders: row.contenders.filter(({ name }) => names.test(name)) };
}

/** One line that the next one replaces; only on a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

await main();
