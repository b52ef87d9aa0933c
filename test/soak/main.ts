/**
 * `npm run soak -- --minutes 5 --seed 7`: keeps changing a source at random and synchronising it in random ways, with and
 * without a state file and a list of changes, kills a run from time to time, and compares byte for byte. Ends with the
 * first promise that is broken.
 */
import { closeSync, copyFileSync, openSync, readlinkSync, readSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { hashNames } from '../../src/digest/hash-names.ts';
import { startCommand } from '../../rig/processes/command.ts';
import {
  changeBlocks,
  filesEqual,
  sha256OfFile,
  writeImage,
  type ByteExtent,
} from '../../rig/images/images.ts';
import { assertNothingLeft, descendants, snapshotProcesses } from '../../rig/processes/processes.ts';
import { startRelay } from '../../rig/relay/relay.ts';
import { makeRandom, type Random } from '../../rig/images/random.ts';
import { hostOptions, startSshServer, type SshServer } from '../../rig/ssh/index.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

const MiB = 1024 * 1024;
const canaryBytes = 64 * 1024;
/** Long enough for further lanes. */
const longWay = { delayMs: 6, bandwidthMbit: 800 };
const killPrograms = ['node', 'ssh', 'sshd', 'sshd-session'];

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { minutes: text, seed: text, help: { type: 'boolean' } } });
if (values.help === true) {
  console.log('npm run soak -- [--minutes N (5)] [--seed N (another each time)]');
  process.exit();
}
const minutes = Number(values.minutes ?? 5);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
console.log(`seed ${seed}, ${minutes} minutes`);

const counts = {
  runs: 0,
  killed: 0,
  killedTooLate: 0,
  withStateFile: 0,
  withList: 0,
  changedMiB: 0,
  comparedMiB: 0,
};
const random = makeRandom(seed);
const directory = makeTemporaryDirectory('soak');
const listPath = join(directory.path, 'list');
const withList = `--changed=${listPath}`;
const withStateFile = `--bitmap=${join(directory.path, 'state')}`;
const server = await startSshServer();
const relay = await startRelay({ targetPort: server.port, ...longWay });
try {
  await soak(server);
  console.log(`no promise broken: ${describe()}`);
} finally {
  await relay.stop();
  await server.stop();
  directory.remove();
}

async function soak({ pid }: SshServer): Promise<void> {
  const script = join(directory.path, 'basyn.cjs');
  copyFileSync(join(import.meta.dirname, '../../dist/basyn.cjs'), script);
  const [source, target] = [join(directory.path, 'source'), join(directory.path, 'target')];
  // Not a multiple of any unit, so that buffers and chunks end anywhere. Often enough data for lanes.
  const sizeBytes = 8 * MiB + random.below(24 * MiB);
  writeImage(source, sizeBytes, { seed });
  writeImage(target, sizeBytes + canaryBytes, { seed: seed + 1 });
  const canary = tailOf(target, sizeBytes);
  const endMs = performance.now() + minutes * 60_000;
  let reportedMs = performance.now();
  // Both can differ only here. Before the first success, they differ anywhere.
  let changes: ByteExtent[] = [{ offset: 0, length: sizeBytes }];
  while (performance.now() < endMs) {
    changes.push(...change(source, sizeBytes));
    writeFileSync(listPath, changes.map(({ offset, length }) => `${offset} ${length}\n`).join('') || '0 0\n');
    const before = sha256OfFile(source);
    const processes = snapshotProcesses();
    const flags = randomFlags(source, target, random);
    const isKilled = random.below(4) === 0;
    const run = await startCommand(process.execPath, [script, ...flags], { deadlineMs: 60_000 });
    if (isKilled) await killOne(run.pid, pid);
    const { exitCode, stderr } = await run.result;
    counts.runs++;
    const what = `run ${counts.runs} of seed ${seed}, ${flags.filter((flag) => !flag.startsWith('--ssh')).join(' ')}`;
    await assertNothingLeft(processes, 10_000);
    if (sha256OfFile(source) !== before) throw new Error(`${what}: the source was changed`);
    if (!tailOf(target, sizeBytes).equals(canary))
      throw new Error(`${what}: bytes behind the source's were changed`);
    if (flags.includes(withStateFile)) counts.withStateFile++;
    if (flags.includes(withList)) counts.withList++;
    if (exitCode === 0) {
      changes = [];
      if (!filesEqual(source, target, sizeBytes)) throw new Error(`${what}: success, and the files differ`);
      counts.comparedMiB += sizeBytes / MiB;
      if (isKilled) counts.killedTooLate++;
    } else if (isKilled) {
      counts.killed++;
      // A command that was killed itself reports nothing.
      const sentences = stderr.split('\n').filter((line) => line.startsWith('basyn: ')).length;
      if (exitCode !== null && sentences !== 1) throw new Error(`${what}: ${sentences} sentences\n${stderr}`);
    } else {
      throw new Error(`${what}: exit code ${exitCode}\n${stderr}`);
    }
    if (performance.now() - reportedMs < 10_000) continue;
    reportedMs = performance.now();
    console.log(describe());
  }
}

function change(path: string, sizeBytes: number): readonly ByteExtent[] {
  const blockBytes = [512, 4096, 65_536, MiB][random.below(4)]!;
  const fraction = [0, 0.001, 0.01, 0.1, 0.5][random.below(5)]!;
  const changed = changeBlocks(path, { fraction, blockBytes, seed: random.below(2 ** 31), sizeBytes });
  counts.changedMiB += changed.reduce((sum, { length }) => sum + length, 0) / MiB;
  return changed;
}

function randomFlags(source: string, target: string, random: Random): string[] {
  const below = (limit: number): number => random.below(limit);
  const one = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
  const maybe = (flags: readonly string[]): string[] => (below(2) === 0 ? [one(flags)] : []);
  const action = one(['PUSH', 'POP']);
  const [local, remote] = action === 'PUSH' ? [source, target] : [target, source];
  const bufferKib = one([1, 3, 64, 100, 1000, 2048, 8192]);
  // Mostly SYNC, because more can fail in it.
  const mode = one(['SYNC', 'SYNC', 'SYNC', 'COPY']);
  const nightly = nightlyFlags(mode, one);
  // Only a run that rebuilds the state file may use another hash, buffer and chunk than it has.
  const rebuilds = mode === 'COPY' || nightly.some((flag) => /^--(update|reset)-bitmap$/.test(flag));
  const keepsKind = nightly.includes(withStateFile) && !rebuilds;
  return [
    `--local=${local}`,
    `--remote=${remote}`,
    `--action=${action}`,
    `--mode=${mode}`,
    ...one([[], hostOptions(server), hostOptions(server, relay.port)]),
    ...nightly,
    ...(keepsKind || below(2) === 0
      ? []
      : [`--buffer=${bufferKib}`, ...maybe([`--chunk=${1 + below(bufferKib)}`])]),
    ...(keepsKind ? [] : maybe(hashNames.map((name) => `--hash=${name}`))),
    ...maybe([
      '--zlevel=0',
      '--zlevel=1',
      '--zlevel=9',
      '--compress=zstd',
      '--compress=none',
      '--compress=zlib',
    ]),
    ...maybe(['--lanes=1', '--lanes=3']),
    ...maybe(['--recheck']),
  ];
}

/** Of runs that do not read everything. */
function nightlyFlags(mode: string, one: <T>(choices: readonly T[]) => T): readonly string[] {
  if (mode === 'COPY') return one([[], [withStateFile]]);
  const recorded = one([
    [withStateFile],
    [withStateFile, '--scrub=10'],
    [withStateFile, '--update-bitmap'],
    [withStateFile, '--reset-bitmap'],
  ]);
  return one([
    [],
    [],
    recorded,
    [withStateFile],
    [withList],
    [withList, '--sample=0'],
    [withStateFile, withList],
  ]);
}

/** Kills one of the processes of the run, whichever there is at the moment. */
async function killOne(localPid: number, serverPid: number): Promise<void> {
  await sleep(random.below(800));
  const pids = [localPid, ...[localPid, serverPid].flatMap((top) => descendants(top).map(({ pid }) => pid))];
  const candidates = pids.filter((pid) => killPrograms.includes(programOf(pid)));
  const victim = candidates[random.below(candidates.length)] ?? localPid;
  try {
    process.kill(victim, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}

function programOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return '';
  }
}

function tailOf(path: string, startBytes: number): Buffer {
  const tail = Buffer.alloc(canaryBytes);
  const fd = openSync(path, 'r');
  readSync(fd, tail, 0, canaryBytes, startBytes);
  closeSync(fd);
  return tail;
}

function describe(): string {
  const { runs, killed, killedTooLate, withStateFile, withList, changedMiB, comparedMiB } = counts;
  return (
    `${runs} runs, ${killed} killed (and ${killedTooLate} too late), ${withStateFile} with a state file, ` +
    `${withList} with a list, ${Math.round(changedMiB)} MiB changed, ` +
    `${Math.round(comparedMiB)} MiB compared`
  );
}
