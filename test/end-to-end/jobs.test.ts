import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CommandOptions, CommandResult } from '../../rig/processes/command.ts';
import type { RunReport } from '../../src/report.ts';
import { expectSentence, jsonLines, linesOf, useBasyn } from '../support/basyn.ts';
import { hostTable } from '../support/host-table.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { environmentWithSsh } from '../support/ssh-script.ts';
import { useSshServer } from '../support/ssh-server.ts';

const basyn = useBasyn();
const server = useSshServer();
const data = Buffer.alloc(3 * 1024 * 1024, 'what is to be copied. ');

let root = '';
let file = '';
beforeEach(() => {
  root = scratchDirectory();
  file = join(root, 'night.toml');
  for (const name of ['sources', 'targets', 'state']) mkdirSync(join(root, name));
  for (const name of ['a', 'b', 'c']) {
    writeFileSync(join(root, 'sources', name), data);
    writeFileSync(join(root, 'targets', name), Buffer.alloc(data.length));
  }
});

/** The files are on one disk. */
const top = 'share-disks = true\n[defaults]\naction = "PUSH"\nmode = "SYNC"\n';

function run(args: readonly string[] = [], options: CommandOptions = {}): Promise<CommandResult> {
  const env = { ...process.env, STATE_DIRECTORY: join(root, 'state') };
  return basyn.run([`--jobs=${file}`, ...args], { env, ...options });
}

const target = (name: string): Buffer => readFileSync(join(root, 'targets', name));
const pattern = (): string => `[jobs.all]\nlocal = "${root}/sources/*"\nremote = "${root}/targets/{name}"\n`;
const missing = (): string => `[jobs.gone]\nlocal = "${root}/sources/a"\nremote = "${root}/targets/none"\n`;

describe('--jobs', () => {
  test('runs every job of the file, and prints a table', async () => {
    writeFileSync(file, `parallel = 2\n${top}${pattern()}`);
    const result = await run();
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = linesOf(result.stdout);
    expect(lines[0]).toMatch(/^job +differing +sent +time +speed +result$/);
    for (const [index, name] of ['a', 'b', 'c'].entries()) {
      expect(lines[index + 1]).toMatch(new RegExp(`^all/${name} +3\\.0 MiB .*succeeded$`));
      expect(target(name).equals(data)).toBe(true);
    }
    expect(lines[4]).toMatch(/^3 of 3 jobs succeeded in /);
  });

  test('goes on after a job that fails, reports why, and runs only that one with --retry-failed', async () => {
    writeFileSync(file, top + missing() + pattern());
    const result = await run();
    expect(result.exitCode).toBe(2);
    expect(result.stdout).toMatch(/1 of 4 jobs failed.*:\n {2}gone: .*none does not exist\./);
    expect(target('c').equals(data)).toBe(true);
    writeFileSync(join(root, 'targets/none'), Buffer.alloc(data.length));
    const again = await run(['--retry-failed']);
    expect(again).toMatchObject({ exitCode: 0 });
    expect(again.stdout).toContain('1 of 1 jobs succeeded');
    expect((await run(['--retry-failed'])).stdout).toContain('No job failed last time');
  });

  test('runs the jobs that --only names, by their own name or that of their pattern', async () => {
    writeFileSync(file, top + missing() + pattern());
    expect(await run(['--only=all/b'])).toMatchObject({ exitCode: 0 });
    expect(['a', 'b'].map((name) => target(name).equals(data))).toEqual([false, true]);
    expect((await run(['--only=all'])).stdout).toContain('3 of 3 jobs succeeded');
    expectSentence(await run(['--only=al']), 1, `${file} has no job "al": there are gone, all.`);
  });

  test('checks the file and opens every device with --check, and writes nothing', async () => {
    writeFileSync(file, top + pattern());
    expect((await run(['--check'])).stdout).toContain('valid, and the devices of 3 jobs could be opened.');
    writeFileSync(file, top + missing() + pattern());
    const { exitCode, stdout } = await run(['--check']);
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/1 of 4 jobs could not run:\n {2}gone: .*does not exist/);
    expect(target('a').equals(Buffer.alloc(data.length))).toBe(true);
  });

  test('rejects a file that is wrong before anything runs', async () => {
    writeFileSync(file, `${top}[jobs.a]\nlocal = "${root}/sources/a"\nremot = "x"\n`);
    expectSentence(await run(), 1, `${file}, line 7: "remot" is no option, "remote" is one.`);
    const twice = pattern().replace('jobs.all', 'jobs.again');
    writeFileSync(file, top + pattern() + twice);
    expectSentence(
      await run(),
      1,
      /^basyn: Job all\/a writes to .*\/targets\/a, which is also the target of job again\/a\.$/,
    );
    expect(target('a').equals(Buffer.alloc(data.length))).toBe(true);
  });

  test('reads the file from stdin', async () => {
    writeFileSync(file, '');
    const result = await basyn.run(['--jobs=-', '--only=all/a'], { input: top + pattern() });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(target('a').equals(data)).toBe(true);
  });

  test('runs the commands around a job, also if it is skipped', async () => {
    const log = join(root, 'log');
    const say = (word: string): string => `echo "${word} $BASYN_JOB $BASYN_RESULT" >> ${log}`;
    const hooks = `after = '${say('after')}'\nafter-failure = '${say('failure')}'\n`;
    writeFileSync(
      file,
      `${top}${hooks}${pattern().replace('*', '[ab]')}before = '${say('before')}'\n` +
        `[jobs.skipped]\nlocal = "${root}/sources/c"\nremote = "${root}/targets/c"\nbefore = "echo No space. >&2; false"\n`,
    );
    const result = await run();
    expect(result.exitCode).toBe(2);
    expect(linesOf(readFileSync(log, 'utf8')).sort()).toEqual([
      'after all/a succeeded',
      'after all/b succeeded',
      'after skipped skipped',
      'before all/a ',
      'before all/b ',
      'failure skipped skipped',
    ]);
    expect(target('c').equals(Buffer.alloc(data.length))).toBe(true);
    expect(result.stdout).toContain(
      '  skipped: The command "before" failed with exit code 1: echo No space.',
    );
    expect(linesOf(result.stdout)).toContain('skipped: No space.');
  });

  test('reports a job of which only the last command fails', async () => {
    const log = join(root, 'log');
    const hooks = `after = "false"\nafter-failure = 'echo "$BASYN_JOB $BASYN_RESULT" >> ${log}'\n`;
    writeFileSync(file, `${top}${hooks}${pattern().replace('*', '[a]')}`);
    const { exitCode, stdout } = await run();
    expect(exitCode).toBe(2);
    expect(stdout).toContain('all/a: The command "after" failed with exit code 1');
    expect(readFileSync(log, 'utf8')).toBe('all/a failed\n');
    expect(target('a').equals(data)).toBe(true);
  });

  test('prints JSON in which each event has its job', async () => {
    writeFileSync(file, top + missing() + pattern());
    const lines = jsonLines(await run(['--json']));
    expect(lines.at(-1)).toMatchObject({ type: 'jobs', succeeded: false });
    expect(lines.slice(0, -1).every(({ job }) => typeof job === 'string')).toBe(true);
    const ends = lines.filter(({ type }) => type === 'job-end');
    expect(ends.find(({ job }) => job === 'gone')).toMatchObject({
      status: 'failed',
      error: { code: 'device', side: 'remote', exitCode: 2 },
    });
    expect(ends.find(({ job }) => job === 'all/a')).toMatchObject({
      status: 'succeeded',
      report: { phases: [{ differingBytes: data.length }] },
    });
  });

  test('refuses a second instance, and a signal ends all jobs and runs what comes after them', async () => {
    const [log, go] = [join(root, 'log'), join(root, 'go')];
    writeFileSync(
      file,
      `${top}after = 'echo after >> ${log}'\n` +
        `[jobs.a]\nlocal = "${root}/sources/a"\nremote = "${root}/targets/a"\nbefore = "touch ${log}; ${until(go)}"\n` +
        `[jobs.b]\nlocal = "${root}/sources/b"\nremote = "${root}/targets/b"\n`,
    );
    const env = { ...process.env, STATE_DIRECTORY: join(root, 'state') };
    const first = await basyn.start([`--jobs=${file}`], { env });
    await expect.poll(() => existsSync(log)).toBe(true);
    expectSentence(await run(), 2, `The jobs of ${file} are running already: nothing was started.`);
    first.child.kill('SIGTERM');
    writeFileSync(go, '');
    const result = await first.result;
    expect(result.exitCode).toBe(2);
    expect(readFileSync(log, 'utf8')).toBe('after\n');
    expect(result.stdout).toContain('2 of 2 jobs failed');
  });

  test('reaches hosts that the file describes', async () => {
    writeFileSync(
      file,
      `parallel = 3\n${top}host = "backup"\n${hostTable('backup', server())}parallel = 2\n${pattern()}`,
    );
    expect(await run()).toMatchObject({ exitCode: 0, stderr: '' });
    for (const name of ['a', 'b', 'c']) expect(target(name).equals(data)).toBe(true);
  });

  describe('over ssh', () => {
    /** Each start of ssh for a login, as a line with its process id. */
    const logins = (): string[] => readFileSync(join(root, 'logins'), 'utf8').trim().split('\n');
    const options = (): CommandOptions => {
      const count = `case "$*" in *" -G "*|"-G "*|-V) ;; *) echo $$ >>${join(root, 'logins')};; esac`;
      const env = environmentWithSsh(count, 'exec ssh "$@"');
      return { env: { ...process.env, ...env, STATE_DIRECTORY: join(root, 'state') } };
    };
    const write = (before = ''): void =>
      writeFileSync(file, `${top}host = "backup"\n${before}${hostTable('backup', server())}${pattern()}`);

    test('logs in once for jobs that use a host one after the other, and counts the bytes of each', async () => {
      write();
      const result = await run(['--json'], options());
      expect(result).toMatchObject({ exitCode: 0, stderr: '' });
      expect(logins()).toHaveLength(1);
      for (const name of ['a', 'b', 'c']) expect(target(name).equals(data)).toBe(true);
      const sentBytes = jsonLines(result)
        .filter(({ type }) => type === 'job-end')
        .map(({ report }) => (report as RunReport).traffic.transmittedBytes);
      // The program of the agent is sent with the first one.
      const [first = 0, ...others] = sentBytes;
      expect(first - Math.max(...others)).toBeGreaterThan(100_000);
      expect(Math.max(...others)).toBeLessThan(1.1 * data.length);
    });

    test('logs in again after a job that has failed', async () => {
      writeFileSync(file, `${top}host = "backup"\n${hostTable('backup', server())}${missing()}${pattern()}`);
      const { exitCode } = await run([], options());
      expect({ exitCode, logins: logins().length }).toEqual({ exitCode: 2, logins: 2 });
      expect(target('c').equals(data)).toBe(true);
    });

    test('logs in again if the link is gone between two jobs', async () => {
      const once = `[ -e ${root}/done ] || { touch ${root}/done; kill -KILL $(cat ${root}/logins); }`;
      write(`before = ${JSON.stringify(`[ $BASYN_JOB = all/a ] || ${once}`)}\n`);
      expect(await run([], options())).toMatchObject({ exitCode: 0 });
      expect(logins()).toHaveLength(2);
      for (const name of ['a', 'b', 'c']) expect(target(name).equals(data)).toBe(true);
    });
  });

  test.each([
    [['--local=/a'], /--local and --jobs contradict each other: write local into the file/],
    [['--parallel=0'], /--parallel must be a whole number from 1 to 1000, not "0"/],
  ])('refuses %j beside the file', async (args, problem) => {
    writeFileSync(file, top + pattern());
    expectSentence(await run(args), 1, problem);
  });

  test('is needed for the options of its group', async () => {
    expectSentence(await basyn.run(['--retry-failed']), 1, '--retry-failed needs --jobs=FILE.');
    expectSentence(await basyn.run(['--jobs=-', '--retry-failed']), 1, /--retry-failed needs a file/);
  });
});

/** A command that ends when the file is there. */
function until(path: string): string {
  return `until [ -e ${path} ]; do sleep 0.1; done`;
}
