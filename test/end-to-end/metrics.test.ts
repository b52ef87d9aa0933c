import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { runCommand, type CommandResult } from '../../rig/processes/command.ts';
import { expectSentence, expectSilence, hostOptions, linesOf, useBasyn } from '../support/basyn.ts';
import { promtool } from '../support/promtool.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const basyn = useBasyn();
const server = useSshServer();
const sizeBytes = 1024 * 1024;

let root = '';
let metricsFile = '';
beforeEach(() => {
  root = scratchDirectory();
  metricsFile = join(root, 'basyn.prom');
  for (const name of ['a', 'b', 'c']) writeFileSync(join(root, name), Buffer.alloc(sizeBytes, name));
  mkdirSync(join(root, 'targets'));
});

/** The samples, each without `basyn_job_`, and by its labels. */
function samples(): Map<string, number> {
  const text = readFileSync(metricsFile, 'utf8');
  promtool(['check', 'metrics'], text);
  const lines = linesOf(text).filter((line) => !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value] = /^basyn_job_(\w+)\{(.*)\} (\S+)$/.exec(line)!;
      return [`${name} ${labels}`, Number(value)];
    }),
  );
}

describe('the metrics of a run', () => {
  const args = (...more: string[]): string[] => [
    `--local=${root}/a`,
    `--remote=${root}/targets/a`,
    '--action=PUSH',
    '--mode=SYNC',
    `--metrics=${metricsFile}`,
    ...more,
  ];
  const metric = (name: string, target: string, device?: string): number | undefined =>
    samples().get(
      `${name} name="${target}",kind="transfer"${device === undefined ? '' : `,device="${device}"`}`,
    );

  test('say what it did over ssh, and are for everyone to read', async () => {
    const strict = `umask 077; exec "$0" "$@"`;
    const all = args('--create', ...hostOptions(server()));
    expectSilence(await runCommand('/bin/sh', ['-c', strict, basyn.executable, ...all]));
    const name = `${hostOptions(server())
      .find((option) => option.startsWith('--host='))!
      .slice(7)}:${root}/targets/a`;
    const now = Date.now() / 1000;
    expect(metric('success', name)).toBe(1);
    expect(now - metric('last_success_timestamp_seconds', name)!).toBeLessThan(10);
    expect(metric('written_bytes', name)).toBe(sizeBytes);
    expect(metric('read_bytes', name, 'source')).toBe(sizeBytes);
    expect(metric('sent_bytes', name)).toBeGreaterThan(100);
    expect(metric('attempts', name)).toBe(1);
    expect(statSync(metricsFile).mode & 0o777).toBe(0o644);
    expect(readdirSync(root).sort()).toEqual(['a', 'b', 'basyn.prom', 'c', 'targets']);
  });

  test('are written after a failure, and keep the time of the last success', async () => {
    const target = join(root, 'targets/a');
    expectSilence(await basyn.run(args('--create')));
    const succeeded = metric('last_success_timestamp_seconds', target);
    writeFileSync(target, 'short');
    expectSentence(await basyn.run(args()), 2, /is too small/);
    expect(metric('success', target)).toBe(0);
    expect(metric('last_success_timestamp_seconds', target)).toBe(succeeded);
    expect(metric('last_run_timestamp_seconds', target)).toBeGreaterThan(succeeded!);
    expect(metric('written_bytes', target)).toBeUndefined();
  });

  test('are written after a signal', async () => {
    const running = await basyn.start(args('--create', '--read-limit=200K', '--progress'));
    await expect.poll(() => existsSync(join(root, 'targets/a'))).toBe(true);
    running.child.kill('SIGTERM');
    expect(await running.result).toMatchObject({ exitCode: 2 });
    expect(metric('success', join(root, 'targets/a'))).toBe(0);
    expect(metric('last_success_timestamp_seconds', join(root, 'targets/a'))).toBe(0);
  });

  test('replace what a symbolic link leads to, and not the link', async () => {
    const real = join(root, 'targets', 'real.prom');
    writeFileSync(real, '');
    symlinkSync(real, metricsFile);
    expectSilence(await basyn.run(args('--create')));
    expect(readFileSync(real, 'utf8')).toContain('basyn_job_success');
    expect(metric('success', join(root, 'targets/a'))).toBe(1);
  });

  test.each([
    [
      'in a directory that is missing',
      (): string => join(root, 'none/x.prom'),
      /can't be written to .*none.*\(ENOENT\)/,
    ],
    ['where none can be made', (): string => '/proc/basyn.prom', /can't be written to \/proc\/basyn\.prom: /],
    ['that is not a file', (): string => '/dev/null', /^basyn: \/dev\/null is not a file of metrics/],
    [
      'that something else has written',
      (): string => join(root, 'b'),
      /is not a file of metrics that Basyn has written/,
    ],
  ])('refuse a file %s before the run begins', async (_, path, problem) => {
    metricsFile = path();
    expectSentence(await basyn.run(args('--create')), 1, problem);
    expect(existsSync(join(root, 'targets/a'))).toBe(false);
  });

  test('refuse the file of another run', async () => {
    expectSilence(await basyn.run(args('--create')));
    const other = args().map((arg) => arg.replace('targets/a', 'b'));
    expectSentence(await basyn.run(other), 1, /has the metrics of .*\/targets\/a, which would be lost/);
  });

  test('are not written for a run that is refused because its options are wrong', async () => {
    const wrong = args('--create').map((arg) => arg.replace('--remote=', '--remote=backup:'));
    expectSentence(await basyn.run(wrong), 1, /backup/);
    expect(existsSync(metricsFile)).toBe(false);
  });

  test('refuse a dry run', async () => {
    expectSentence(await basyn.run(args('--dry-run')), 1, /--metrics and --dry-run contradict each other/);
  });

  test('that cannot be written at the end make the run fail', async () => {
    const directory = join(root, 'metrics');
    mkdirSync(directory);
    metricsFile = join(directory, 'basyn.prom');
    const running = await basyn.start(args('--create', '--read-limit=1M'));
    await expect.poll(() => existsSync(join(root, 'targets/a'))).toBe(true);
    rmSync(directory, { recursive: true });
    expectSentence(await running.result, 2, /The metrics can't be written to .*basyn\.prom: no such file/);
  });

  test('do not replace what appears under their name during the run', async () => {
    const running = await basyn.start(args('--create', '--read-limit=1M'));
    await expect.poll(() => existsSync(join(root, 'targets/a'))).toBe(true);
    writeFileSync(metricsFile, 'notes\n');
    expectSentence(await running.result, 2, /is not a file of metrics that Basyn has written/);
    expect(readFileSync(metricsFile, 'utf8')).toBe('notes\n');
  });
});

describe('the metrics of jobs', () => {
  let file = '';
  const metric = (name: string, job: string): number | undefined =>
    samples().get(`${name} file="${file}",name="${job}",kind="transfer"`);

  function write(...names: readonly string[]): void {
    file = join(root, 'night.toml');
    const jobs = names.map(
      (name) =>
        `[jobs.${name}]\nlocal = "${root}/${name}"\nremote = "${root}/targets/${name}"\ncreate = true\n`,
    );
    writeFileSync(file, `share-disks = true\n[defaults]\naction = "PUSH"\nmode = "SYNC"\n${jobs.join('')}`);
  }

  function run(...args: string[]): Promise<CommandResult> {
    const env = { ...process.env, STATE_DIRECTORY: join(root, 'state') };
    return basyn.run([`--jobs=${file}`, `--metrics=${metricsFile}`, ...args], { env });
  }

  test('say how each job ended, and stay as they are for jobs that do not run', async () => {
    write('a', 'b', 'gone');
    expect(await run()).toMatchObject({ exitCode: 2 });
    expect(['a', 'b', 'gone'].map((job) => metric('success', job))).toEqual([1, 1, 0]);
    expect(metric('last_success_timestamp_seconds', 'gone')).toBe(0);
    const before = samples();

    writeFileSync(join(root, 'gone'), 'no longer');
    expect(await run('--retry-failed')).toMatchObject({ exitCode: 0 });
    const after = samples();
    for (const [key, value] of before) {
      if (!key.includes('"gone"')) expect({ key, value: after.get(key) }).toEqual({ key, value });
    }
    expect(metric('success', 'gone')).toBe(1);
    expect(metric('written_bytes', 'gone')).toBe('no longer'.length);
  });

  test('take the last success from the results that are kept, where the file is new', async () => {
    write('a', 'b');
    expect(await run()).toMatchObject({ exitCode: 0 });
    const before = samples();
    metricsFile = join(root, 'other.prom');
    expect(await run('--only=b')).toMatchObject({ exitCode: 0 });
    expect(metric('success', 'a')).toBe(1);
    for (const name of ['last_success_timestamp_seconds', 'last_run_timestamp_seconds']) {
      const key = `${name} file="${file}",name="a",kind="transfer"`;
      expect(samples().get(key)).toBe(before.get(key));
    }
    expect(metric('written_bytes', 'a')).toBeUndefined();
  });

  test('are written after a signal', async () => {
    write('a', 'b');
    writeFileSync(file, `${readFileSync(file, 'utf8')}before = "touch ${root}/began; sleep 1"\n`);
    const env = { ...process.env, STATE_DIRECTORY: join(root, 'state') };
    const running = await basyn.start([`--jobs=${file}`, `--metrics=${metricsFile}`, '--verbose'], { env });
    await expect.poll(() => existsSync(join(root, 'began'))).toBe(true);
    running.child.kill('SIGTERM');
    expect(await running.result).toMatchObject({ exitCode: 2 });
    expect([metric('success', 'a'), metric('success', 'b')]).toEqual([1, 0]);
  });

  test('refuse the file of other jobs, a check, and jobs that change nothing', async () => {
    write('a');
    expect(await run()).toMatchObject({ exitCode: 0 });
    expectSentence(
      await run('--check'),
      1,
      '--metrics and --check contradict each other: a check runs no job.',
    );
    const text = readFileSync(file, 'utf8');
    file = join(root, 'other.toml');
    writeFileSync(file, text);
    expectSentence(await run(), 1, /has the metrics of the jobs of .*night\.toml, which would be lost/);
    writeFileSync(file, `${text}dry-run = true\n`);
    expectSentence(await run(), 1, /^basyn: Job a is a dry run, which changes nothing/);
  });
});
