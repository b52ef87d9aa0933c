import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startRelay } from '../../rig/relay/relay.ts';
import type { SshServer } from '../../rig/ssh/server.ts';
import { useBasyn } from '../support/basyn.ts';
import { hostTable } from '../support/host-table.ts';
import { attachLoop, isRoot, makeFileSystem, mount } from '../support/loop-device.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const basyn = useBasyn();
const near = useSshServer();
const far = useSshServer();
const MiB = 1024 * 1024;

/** What goes wrong in the first night. */
const troubled = ['cut', 'down', 'frozen', 'mounted'];
const sound = ['disk1', 'disk2', 'images/1', 'images/2', 'images/3', 'images/4', 'images/5', 'images/6'];

describe.skipIf(!isRoot)('a night with twelve volumes and two hosts (needs root)', () => {
  test('runs what can run and reports the rest, and the next night runs the rest', async () => {
    const stage = makeStage();
    const closedPort = await unusedPort();
    const relay = await startRelay({
      targetPort: far().port,
      passingFaults: [{ kind: 'reset', afterBytes: 3 * MiB }],
    });
    onTestFinished(() => relay.stop());
    const unmount = mount(stage.mounted, join(stage.root, 'mnt'));
    onTestFinished(unmount);

    writeFileSync(
      stage.file,
      fileOf(stage, { near: near(), far: far(), cutPort: relay.port, downPort: closedPort }),
    );
    const first = await night(stage);
    expect(first.exitCode).toBe(2);
    expect(resultsIn(first.stdout)).toEqual({
      ...Object.fromEntries(sound.map((name) => [name, 'succeeded'])),
      cut: 'failed',
      down: 'failed',
      frozen: 'skipped',
      mounted: 'failed',
    });
    expect(first.stdout).toContain('4 of 12 jobs failed');
    expect(first.stdout).toMatch(
      /^ {2}cut: .*The target may be incomplete: run it again with mode = "SYNC"/m,
    );
    expect(first.stdout).toMatch(/^ {2}down: .*Connection refused/m);
    expect(first.stdout).toMatch(/^ {2}frozen: The command "before" failed with exit code 1/m);
    expect(first.stdout).toMatch(/^ {2}mounted: .*is mounted .* add force = true\.$/m);
    const errors = [...first.journal.matchAll(/^<3>(\S+): basyn: /gm)].map(([, name]) => name).sort();
    expect(errors).toEqual(troubled);
    expect(first.page).toContain('4 of 12 jobs');
    const all = [...sound, ...troubled];
    const succeeding = (names: readonly string[]): Record<string, number> =>
      Object.fromEntries(all.map((name) => [name, names.includes(name) ? 1 : 0]));
    expect(first.successes).toEqual(succeeding(sound));
    expect(readFileSync(stage.mail, 'utf8').split('\n').filter(Boolean).sort()).toEqual(troubled);
    for (const [name, { source, target }] of stage.volumes) {
      if (sound.includes(name)) expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
    }

    unmount();
    writeFileSync(join(stage.root, 'thawed'), '');
    writeFileSync(
      stage.file,
      fileOf(stage, { near: near(), far: far(), cutPort: relay.port, downPort: near().port }),
    );
    const second = await night(stage, '--retry-failed');
    expect(second).toMatchObject({ exitCode: 0, journal: '', successes: succeeding(all) });
    expect(second.page).toContain('4 jobs');
    expect(resultsIn(second.stdout)).toEqual(Object.fromEntries(troubled.map((name) => [name, 'succeeded'])));
    for (const { source, target } of stage.volumes.values()) {
      expect(readFileSync(target).equals(readFileSync(source))).toBe(true);
    }

    const third = await night(stage, '--retry-failed');
    expect(third).toMatchObject({
      exitCode: 0,
      stdout: 'No job failed last time. Nothing was run.\n',
      journal: '',
      successes: succeeding(all),
    });
  });
});

interface Volume {
  readonly source: string;
  readonly target: string;
}

interface Stage {
  readonly root: string;
  readonly file: string;
  readonly mail: string;
  /** By the names of their jobs. */
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly mounted: string;
}

/** Files and loop devices, all of which differ. */
function makeStage(): Stage {
  const root = scratchDirectory();
  for (const name of ['images', 'near', 'far', 'devices', 'state']) mkdirSync(join(root, name));
  const image = (directory: string, name: string, content: Buffer): string => {
    const path = join(root, directory, name);
    writeFileSync(path, content);
    return path;
  };
  const pair = (index: number, directory: string, sourceDirectory: string, name: string): Volume => ({
    source: image(sourceDirectory, name, Buffer.alloc(8 * MiB, `volume ${index}: `)),
    target: image(directory, name, Buffer.alloc(8 * MiB)),
  });
  const onLoops = ({ source, target }: Volume): Volume => ({
    source: loopOver(source),
    target: loopOver(target),
  });
  const volumes = new Map<string, Volume>();
  for (let index = 1; index <= 6; index++) {
    volumes.set(`images/${index}`, pair(index, 'near', 'images', `${index}`));
  }
  volumes.set('disk1', onLoops(pair(7, 'far', 'devices', 'disk1')));
  volumes.set('disk2', onLoops(pair(8, 'far', 'devices', 'disk2')));
  const mounted = onLoops(pair(9, 'near', 'devices', 'mounted'));
  makeFileSystem(mounted.target);
  volumes.set('mounted', mounted);
  ['down', 'cut', 'frozen'].forEach((name, index) => {
    volumes.set(name, pair(10 + index, 'far', 'devices', name));
  });
  return { root, file: join(root, 'night.toml'), mail: join(root, 'mail'), volumes, mounted: mounted.target };
}

function loopOver(file: string): string {
  const { path, detach } = attachLoop(file);
  onTestFinished(detach);
  return path;
}

interface Hosts {
  readonly near: SshServer;
  readonly far: SshServer;
  readonly cutPort: number;
  readonly downPort: number;
}

function fileOf({ root, mail, volumes }: Stage, { near, far, cutPort, downPort }: Hosts): string {
  const single = (name: string, host: string, further = ''): string => {
    const { source, target } = volumes.get(name)!;
    return `[jobs.${name}]\nlocal = "${source}"\nremote = "${target}"\nhost = "${host}"\n${further}`;
  };
  return [
    'parallel = 3\nshare-disks = true\n',
    `[defaults]\naction = "PUSH"\nmode = "SYNC"\nafter-failure = "echo $BASYN_JOB >> ${mail}"\n`,
    hostTable('near', near),
    'parallel = 2\n',
    hostTable('far', far),
    // Same machine, another way.
    hostTable('cut', far, cutPort),
    hostTable('down', near, downPort),
    `[jobs.images]\nlocal = "${root}/images/*"\nremote = "${root}/near/{name}"\nhost = "near"\n`,
    single('disk1', 'far'),
    single('disk2', 'far'),
    single('mounted', 'near'),
    single('down', 'down'),
    single('cut', 'cut', 'mode = "COPY"\ncompress = "none"\n'),
    single('frozen', 'far', `before = "test -e ${root}/thawed"\n`),
  ].join('');
}

interface Night {
  readonly exitCode: number | null;
  readonly stdout: string;
  /** What it has written to the journal. */
  readonly journal: string;
  readonly page: string;
  /** Whether the metrics count it as a success, by the name of the job. */
  readonly successes: Readonly<Record<string, number>>;
}

/** One run of the file, as systemd starts it. */
async function night({ file, root }: Stage, ...options: string[]): Promise<Night> {
  const path = (name: string): string => join(root, name);
  const [stdout, stderr] = [openSync(path('stdout'), 'w'), openSync(path('stderr'), 'w')];
  const { dev, ino } = fstatSync(stderr, { bigint: true });
  const env = { ...process.env, STATE_DIRECTORY: path('state'), JOURNAL_STREAM: `${dev}:${ino}` };
  const outputs = [`--metrics=${path('night.prom')}`, `--report=${path('night.html')}`];
  const args = [`--jobs=${file}`, ...outputs, ...options];
  const child = spawn(basyn.executable, args, { env, stdio: ['ignore', stdout, stderr] });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  [stdout, stderr].forEach(closeSync);
  const text = (name: string): string => readFileSync(path(name), 'utf8');
  const samples = text('night.prom').matchAll(/^basyn_job_success\{.*name="([^"]*)".*\} ([01])$/gm);
  return {
    exitCode,
    stdout: text('stdout'),
    journal: text('stderr'),
    page: text('night.html'),
    successes: Object.fromEntries([...samples].map(([, name, value]) => [name!, Number(value)])),
  };
}

/** The last column of the table, by the first one. */
function resultsIn(stdout: string): Record<string, string> {
  const rows = [...stdout.matchAll(/^(\S+) .* (succeeded|failed|skipped)$/gm)];
  return Object.fromEntries(rows.map(([, name, result]) => [name!, result!]));
}

/** A port on which nothing listens. */
async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
