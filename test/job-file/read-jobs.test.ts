import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readJobs } from '../../src/job-file/read-jobs.ts';
import { usageMessage } from '../cli/output.fixture.ts';
import { scratchDirectory } from '../support/scratch.ts';

const read = (text: string): ReturnType<typeof readJobs> => readJobs('night.toml', text);
const problemOf = (text: string): string => usageMessage(() => read(text));

const complete = `
parallel = 3
share-disks = true

[defaults]
action = "PUSH"
mode = "SYNC"
host = "backup"
bitmap = "/var/lib/basyn/{name}.state"
after = "echo done"

[hosts.backup]
host = "backup.example.org"
port = 2222
user = "root"
ssh-option = ["ConnectTimeout=10", "IPQoS=none"]
parallel = 2

[jobs.mail]
local = "/dev/vg0/mail"
remote = "/dev/vg1/mail"
buffer = "8M"
retries = 5
recheck = true
before = "systemctl stop mail"
hook-timeout = 60

[jobs.web]
local = "/dev/vg0/web"
remote = "/dev/vg1/web"
mode = "COPY"
port = 22
host = "other.example.org"
`;

describe('a file of jobs', () => {
  test('has defaults, hosts and jobs, with the options of the command line', () => {
    const { jobs, parallel, parallelByHost, shareDisks } = read(complete);
    expect({ parallel, shareDisks, byHost: [...parallelByHost] }).toEqual({
      parallel: 3,
      shareDisks: true,
      byHost: [['backup.example.org', 2]],
    });
    expect(jobs).toHaveLength(2);
    expect(jobs[0]).toMatchObject({
      name: 'mail',
      kind: 'sync',
      options: {
        action: 'push',
        mode: 'sync',
        local: '/dev/vg0/mail',
        remote: '/dev/vg1/mail',
        host: 'backup.example.org',
        port: 2222,
        user: 'root',
        sshOptions: ['ConnectTimeout=10', 'IPQoS=none'],
        bufferBytes: 8 * 2 ** 20,
        retries: 5,
        recheck: true,
        bitmap: '/var/lib/basyn/mail.state',
      },
      hooks: { before: 'systemctl stop mail', after: 'echo done', timeoutMs: 60_000 },
    });
    expect(jobs[1]).toMatchObject({
      name: 'web',
      options: { mode: 'copy', host: 'other.example.org', port: 22, bitmap: '/var/lib/basyn/web.state' },
    });
    expect(jobs[1]!.options).not.toHaveProperty('user');
  });

  test('turns a default off with false', () => {
    const text =
      '[defaults]\nrecheck = true\naction = "PUSH"\nmode = "SYNC"\n[jobs.a]\nlocal = "/a"\nremote = "/b"\nrecheck = false\n';
    expect(read(text).jobs[0]!.options).toMatchObject({ recheck: false });
  });

  test('has a job without an action, or one that only makes a state file', () => {
    const kinds = read(
      '[jobs.a]\nlocal = "/a"\nremote = "/b"\n' +
        '[jobs.b]\nlocal = "/a"\nremote = "/b"\nrecheck = true\n' +
        '[jobs.c]\nlocal = "/a"\naction = "PUSH"\nmode = "SYNC"\nbitmap = "/s"\n',
    ).jobs.map(({ kind }) => kind);
    expect(kinds).toEqual(['inspect', 'recheck', 'record']);
  });

  const job = '[jobs.a]\nlocal = "/a"\nremote = "/b"\n';
  test.each([
    ['a = ', 'night.toml, line 1: it is not valid TOML'],
    [`${job}[jobs.a]\n`, 'night.toml, line 4: it is not valid TOML'],
    [`${job}modes = "SYNC"\n`, 'night.toml, line 4: "modes" is no option, "mode" is one.'],
    [`${job}stat = true\n`, 'line 4: "stat" belongs on the command line, and not into the file.'],
    [`${job}recheck = "yes"\n`, 'line 4: "recheck" must be true or false.'],
    [`${job}lanes = 99\n`, 'line 4: "lanes" must be a whole number from 1 to 16, not "99".'],
    [`${job}lanes = 1.5\n`, 'line 4: "lanes" must be a whole number from 1 to 16.'],
    [`${job}buffer = "much"\n`, 'line 4: "buffer" must be a whole number of kilobytes'],
    [`${job}ssh-option = [1]\n`, 'line 4: "ssh-option" must be a text or a list of texts.'],
    [`${job}before = 1\n`, 'line 4: "before" must be a text that is not empty.'],
    [`${job}hook-timeout = 0\n`, 'line 4: "hook-timeout" must be a whole number of seconds from 1 to 86400.'],
    [`${job}x.y = 1\n`, 'line 4: write "x" in a table of its own.'],
    [`${job}port = 22\n`, 'line 1: job a: "port" needs "host"'],
    [`${job}action = "PUSH"\n`, 'line 1: job a: "action" needs "mode": choose mode = "SYNC"'],
    ['[jobs.a]\nlocal = "/a"\n', 'line 1: job a: "remote" is missing'],
    ['[[jobs]]\nname = "a"\n', 'line 1: write [name] in place of [[name]].'],
    ['[jobs]\na = 1\n', 'line 1: [jobs] needs a name, as in [jobs.mail].'],
    ['[job.a]\n', 'line 1: [job.a] is unknown: there are [defaults], [hosts.NAME] and [jobs.NAME].'],
    ['[jobs."a/b"]\n', 'line 1: the name of a job consists of letters'],
    ['paralel = 2\n', 'line 1: "paralel" is unknown outside a table'],
    [`[hosts.b]\nmode = "SYNC"\n${job}`, 'line 2: "mode" belongs to a job, and not to a host.'],
    ['', 'night.toml has no job: write a table such as [jobs.mail].'],
  ])('is refused with the line of what is wrong: %j', (text, problem) => {
    expect(problemOf(text)).toContain(problem);
  });
});

test('a default for connections is none for a job without a host', () => {
  const rest = 'remote = "/dev/b"\naction = "PUSH"\nmode = "SYNC"\n';
  const defaults =
    '[defaults]\nlocal = "/dev/a"\nretries = 3\nretry-wait = 5\nbwlimit = "1M"\nrecheck = true\n';
  const { jobs } = read(`${defaults}[jobs.near]\n${rest}[jobs.far]\nhost = "backup"\n${rest}`);
  expect(jobs[0]!.options).not.toHaveProperty('retries');
  expect(jobs[0]!.options).toMatchObject({ recheck: true });
  expect(jobs[1]!.options).toMatchObject({ retries: 3, recheck: true });
  expect(problemOf(`[jobs.near]\nlocal = "/dev/a"\nretries = 3\n${rest}`)).toMatch(/"retries" needs "host"/);
});

describe('a pattern of devices', () => {
  function directory(): string {
    const path = scratchDirectory();
    for (const name of ['root', 'mail', 'swap0', 'mail-basyn-1a2b3c4d', '.hidden']) {
      writeFileSync(join(path, name), 'data');
    }
    mkdirSync(join(path, 'lost+found'));
    symlinkSync('missing', join(path, 'dangling'));
    return path;
  }

  const rest = 'remote = "/dev/vg1/{name}"\naction = "PUSH"\nmode = "SYNC"\n';

  test('becomes one job for each device or file, without snapshots that runs have made', () => {
    const path = directory();
    const { jobs } = read(`[jobs.all]\nlocal = "${path}/*"\nexclude = ["swap*"]\n${rest}`);
    expect(jobs.map(({ name, options }) => [name, options.local, options.remote])).toEqual(
      ['dangling', 'mail', 'root'].map((name) => [`all/${name}`, join(path, name), `/dev/vg1/${name}`]),
    );
  });

  test.each([
    [(path: string) => `[jobs.all]\nlocal = "${path}/x*"\n${rest}`, /line 1: job all: .*x\* finds no device/],
    [
      (path: string) => `[jobs.all]\nlocal = "${path}/none/*"\n${rest}`,
      /line 1: Directory .* can't be read: no such/,
    ],
    [(path: string) => `[jobs.all]\nlocal = "${path}*/mail"\n${rest}`, /Only the last part/],
    [
      (path: string) =>
        `[jobs.all]\nlocal = "${path}/mail"\nremote = "/dev/*"\naction = "POP"\nmode = "SYNC"\n`,
      /"remote" can't be a pattern/,
    ],
    [
      (path: string) =>
        `[jobs.all]\nlocal = "${path}/m*"\n${rest.replace('/dev/vg1/{name}', `${path}/../${basename(path)}/{name}.bak`)}`,
      /line 1: job all\/mail: .*m\* would find the target .*mail\.bak the next time: write it into "exclude"/,
    ],
  ])('is refused where it can not be expanded (%#)', (text, problem) => {
    expect(problemOf(text(directory()))).toMatch(problem);
  });
});
