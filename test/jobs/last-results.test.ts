import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Job } from '../../src/jobs/job.ts';
import { LastResults, stateDirectoryOf } from '../../src/jobs/last-results.ts';
import { isRoot } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';

const ended = { attempts: 1, startedMs: 1_000, elapsedMs: 500 };
const options = { local: '/dev/a', remote: '/dev/b', action: 'push', mode: 'sync' } as const;
const mail: Job = { name: 'mail', kind: 'sync', options };
const workOfMail = '["sync","push","/dev/a",null,"/dev/b"]';

function setUp(): { directory: string; file: string } {
  const root = scratchDirectory();
  const file = join(root, 'night.toml');
  writeFileSync(file, '');
  return { directory: join(root, 'state'), file };
}

test('results are kept from one run to the next, and a failure keeps the time of the last success', async () => {
  const { directory, file } = setUp();
  const first = await LastResults.open(directory, file);
  expect(first.of(mail)).toBeUndefined();
  first.add(mail, { status: 'succeeded', ...ended });
  first.close();
  const second = await LastResults.open(directory, file);
  expect(second.of(mail)).toEqual({
    status: 'succeeded',
    work: workOfMail,
    endedMs: 1_500,
    succeededMs: 1_500,
  });
  second.add(mail, { status: 'failed', ...ended, startedMs: 9_000 });
  expect(second.of(mail)).toEqual({
    status: 'failed',
    work: workOfMail,
    endedMs: 9_500,
    succeededMs: 1_500,
  });
  second.close();
});

test('a job that has begun and never ended counts as one that did not succeed', async () => {
  const directory = scratchDirectory();
  const file = join(directory, 'night.toml');
  writeFileSync(file, '');
  const first = await LastResults.open(directory, file);
  first.add(mail, { status: 'succeeded', startedMs: 1_000, elapsedMs: 5 });
  first.begin([mail]);
  first.close();
  const second = await LastResults.open(directory, file);
  expect(second.of(mail)).toMatchObject({ status: 'begun', succeededMs: 1_005 });
  second.close();
});

test.each([
  ['another target', { ...mail, options: { ...options, remote: '/dev/c' } }],
  ['another source', { ...mail, options: { ...options, local: '/dev/c' } }],
  ['another host', { ...mail, options: { ...options, host: 'backup' } }],
  ['the other direction', { ...mail, options: { ...options, action: 'pop' } }],
] as [string, Job][])('a job of the same name that has %s has not run yet', async (_name, other) => {
  const { directory, file } = setUp();
  const results = await LastResults.open(directory, file);
  results.add(mail, { status: 'succeeded', ...ended });
  expect(results.of(other)).toBeUndefined();
  results.add(other, { status: 'failed', ...ended });
  expect(results.of(other)).not.toHaveProperty('succeededMs');
  results.close();
});

test('a dry run leaves the result of the last real run', async () => {
  const { directory, file } = setUp();
  const results = await LastResults.open(directory, file);
  results.add(mail, { status: 'failed', ...ended });
  const dry: Job = { ...mail, options: { ...options, dryRun: true } };
  results.begin([dry]);
  results.add(dry, { status: 'succeeded', ...ended });
  expect(results.of(mail)).toMatchObject({ status: 'failed' });
  results.close();
});

test('a directory that cannot be made is reported', async () => {
  const { file } = setUp();
  await expect(LastResults.open('/proc/none/basyn', file)).rejects.toThrow(
    /^The results of jobs can't be kept in \/proc\/none\/basyn\//,
  );
});

test('a second run of the same file is refused, also under another name, and one of another file is not', async () => {
  const { directory, file } = setUp();
  const results = await LastResults.open(directory, file);
  const alias = `${file}.link`;
  symlinkSync(file, alias);
  await expect(LastResults.open(directory, alias)).rejects.toThrow(
    /are running already: nothing was started\.$/,
  );
  const other = `${file}.other`;
  writeFileSync(other, '');
  (await LastResults.open(directory, other)).close();
  results.close();
  (await LastResults.open(directory, alias)).close();
});

test('a file of results that is damaged is reported, and not replaced', async () => {
  const { directory, file } = setUp();
  const results = await LastResults.open(directory, file);
  results.add(mail, { status: 'succeeded', ...ended });
  results.close();
  const path = join(
    directory,
    readdirSync(directory).find((name) => name.endsWith('.json'))!,
  );
  writeFileSync(path, '{"version":1');
  await expect(LastResults.open(directory, file)).rejects.toThrow(/does not hold results of jobs: remove it/);
  expect(readFileSync(path, 'utf8')).toBe('{"version":1');
});

test.each([
  [{ STATE_DIRECTORY: '/var/lib/basyn:/other', HOME: '/root' }, '/var/lib/basyn'],
  [{ XDG_STATE_HOME: '/state', HOME: '/root' }, '/state/basyn'],
  [{ HOME: '/home/me' }, '/home/me/.local/state/basyn'],
])('the directory of the results: %j', (environment, directory) => {
  expect(stateDirectoryOf(environment, '/none')).toBe(directory);
});

test.runIf(isRoot)('root uses the directory of the service where there is one (needs root)', () => {
  const directory = scratchDirectory();
  expect(stateDirectoryOf({ HOME: '/root' }, directory)).toBe(directory);
  expect(stateDirectoryOf({ HOME: '/root', STATE_DIRECTORY: '/state' }, directory)).toBe('/state');
});
