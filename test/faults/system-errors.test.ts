import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { useBasyn } from '../support/basyn.ts';
import { runCommand } from '../../rig/processes/command.ts';
import { scratchDirectory, scratchFile } from '../support/scratch.ts';

const basyn = useBasyn();
const parallelRuns = 4;

test.each([
  ['is written to', ['--mode=SYNC']],
  ['is created', ['--mode=COPY', '--create']],
])(
  'any system call may fail while a target %s: no such failure is reported as a bug',
  async (_what, mode) => {
    const source = scratchFile(Buffer.alloc(70_000, 'source'));
    const directory = scratchDirectory();
    let isDone = false;
    let nextCall = 1;
    const bugs: object[] = [];
    const worker = async (): Promise<void> => {
      while (!isDone) {
        const call = nextCall++;
        const target = join(directory, `target ${call}`);
        if (!mode.includes('--create')) scratchFile(Buffer.alloc(70_000), `target ${call}`, directory);
        const { failed, stderr, exitCode } = await runWithFailure(call, { source, target }, mode);
        if (failed === undefined) isDone = true;
        else if (!/^(basyn: [^\n]+\n)+$|^$/.test(stderr) || stderr.includes('Internal error')) {
          bugs.push({ call, failed, stderr, exitCode });
        }
        rmSync(target, { force: true });
      }
    };
    await Promise.all(Array.from({ length: parallelRuns }, worker));
    expect(nextCall).toBeGreaterThan(20);
    expect(bugs).toEqual([]);
  },
);

/** Runs with an error in the `call`-th system call of each thread about the devices or the tables of the kernel. */
async function runWithFailure(
  call: number,
  { source, target }: { source: string; target: string },
  mode: readonly string[],
): Promise<{ failed: string | undefined; stderr: string; exitCode: number | null }> {
  const log = join(scratchDirectory(), 'calls');
  const tables = ['/proc/swaps', '/sys/block', '/sys/dev/block'];
  const { stderr, exitCode } = await runCommand('strace', [
    ...['-f', '-qq', '--seccomp-bpf', '-o', log, '-e', 'trace=%file,%desc'],
    ...[source, target, dirname(target), ...tables].flatMap((path) => ['-P', path]),
    ...['-e', `inject=%file,%desc:error=EIO:when=${call}`],
    basyn.executable,
    ...[`--local=${source}`, `--remote=${target}`, '--action=PUSH', ...mode],
  ]);
  const failed = /^.* \(INJECTED\)$/m.exec(readFileSync(log, 'utf8'))?.[0];
  return { failed, stderr, exitCode };
}
