/** `npm run fuzz -- --seconds 120 --seed 7`, or `--round N` to reproduce a failure. */
import { parseArgs } from 'node:util';
import { fuzz, fuzzRound, type FuzzReport } from './fuzz.ts';

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const { values } = parseArgs({ options: { seconds: text, seed: text, round: text, help: flag } });
if (values.help === true) {
  console.log(
    'npm run fuzz -- [--seconds N (60)] [--seed N (another each time)] [--round N (only this one)]',
  );
  process.exit();
}

if (values.round !== undefined) {
  console.log(`round ${values.round}: ${await fuzzRound(Number(values.round))}`);
} else {
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  const seconds = Number(values.seconds ?? 60);
  console.log(`seed ${seed}, ${seconds} seconds`);
  let lastMs = performance.now();
  const report = await fuzz({
    seed,
    until: { milliseconds: seconds * 1000 },
    onProgress: (progress) => {
      if (performance.now() - lastMs < 10_000) return;
      lastMs = performance.now();
      console.log(describe(progress));
    },
  });
  console.log(`no promise broken: ${describe(report)}`);
}

function describe({ rounds, outcomes, peakGrowthBytes }: FuzzReport): string {
  const ends = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  return `${rounds} conversations (${ends}), memory grew by ${Math.round(peakGrowthBytes / 2 ** 20)} MiB at most`;
}
