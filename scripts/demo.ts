/**
 * `npm run demo`: shows what the command does, with disk images in a temporary folder. First both devices are
 * on this machine; then one is behind ssh, served by a small ssh server that the demo starts. It needs no root,
 * changes nothing outside its folder, and ends with exit code 1 if any result is wrong.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { changeBlocks, filesEqual, writeImage } from '../rig/images/images.ts';
import { startEmbedded } from '../rig/ssh/embedded.ts';
import type { SshServer } from '../rig/ssh/server.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { root } from './bundle.ts';

const MIB = 1024 * 1024;
const imageBytes = 64 * MIB;
const seed = 20;

/** The folders of the demo, which are removed after it. */
interface Stage {
  /** Where the commands run. */
  readonly here: string;
  /** The home directory of the other machine. */
  readonly there: string;
  /** First on the PATH. */
  readonly bin: string;
}

let running: ChildProcess | undefined;

async function main(): Promise<void> {
  const program = join(root, 'dist/basyn.cjs');
  if (!existsSync(program)) throw new Error('dist/basyn.cjs is not there yet: run "npm run build" first.');
  const stage = setStage(program);

  say(
    'disk.img is to be copied. Half of it does not compress, a third is like text, the rest is zeros.',
    `It has ${imageBytes / MIB} MiB, in a temporary folder. A block device is used in the same way.`,
  );
  writeImage(join(stage.here, 'disk.img'), imageBytes, { seed });

  await showOneMachine(stage);
  if (hasSsh()) await showTwoMachines(stage);
  else say('There is no ssh on this machine, so the part about a remote host is left out.');
  say('That was all. The temporary folder is removed now.');
}

async function showOneMachine(stage: Stage): Promise<void> {
  title('Both devices on this machine');
  say('A first copy. Where all goes well, basyn says nothing.');
  await basyn(stage, '--local=disk.img --remote=copy.img --action=PUSH --mode=COPY --create');

  change(stage, 'disk.img', 1);
  say('SYNC finds the blocks that differ and writes only those; --recheck reads both sides again.');
  await basyn(
    stage,
    '--local=disk.img --remote=copy.img --action=PUSH --mode=SYNC --progress --stat --recheck',
  );
  compare(stage, join(stage.here, 'copy.img'));
}

async function showTwoMachines(stage: Stage): Promise<void> {
  title('The other device behind ssh');
  const server = await startServer(stage);
  try {
    say(
      'The host "backup" is this machine, too: the demo runs an ssh server of its own on a loopback port,',
      'and a wrapper hands the system\'s ssh a configuration in which "backup" is that server.',
      'basyn is not installed on a host: it sends its agent along, to the node that is there.',
    );
    say('A first copy, compressed as far as that makes it faster.');
    await basyn(
      stage,
      '--local=disk.img --remote=disk.img --host=backup --action=PUSH --mode=COPY --create --progress',
    );

    change(stage, 'disk.img', 2);
    say('SYNC hashes both devices at the same time and sends only what differs.');
    await basyn(
      stage,
      '--local=disk.img --remote=disk.img --host=backup --action=PUSH --mode=SYNC --progress --stat --recheck',
    );

    say('Once more, with nothing changed: only digests travel.');
    await basyn(
      stage,
      '--local=disk.img --remote=disk.img --host=backup --action=PUSH --mode=SYNC --progress --stat --recheck',
    );
    compare(stage, join(stage.there, 'disk.img'));

    say('The other direction: POP brings the device back from the host.');
    await basyn(
      stage,
      '--local=restored.img --remote=disk.img --host=backup --action=POP --mode=COPY --create --verbose',
    );
    compare(stage, join(stage.here, 'restored.img'));
  } finally {
    await server.stop();
  }
}

/** The folders, and `basyn` by its name on the PATH. */
function setStage(program: string): Stage {
  const { path } = makeTemporaryDirectory('demo');
  const stage: Stage = { here: join(path, 'here'), there: join(path, 'there'), bin: join(path, 'bin') };
  for (const folder of Object.values(stage) as string[]) mkdirSync(folder);
  symlinkSync(program, join(stage.bin, 'basyn'));
  return stage;
}

function hasSsh(): boolean {
  return spawnSync('ssh', ['-V']).status === 0;
}

/** Starts the server, and puts an `ssh` on the commands' PATH that knows it as "backup". */
async function startServer({ there, bin }: Stage): Promise<SshServer> {
  // The server starts commands in the home directory, which it takes from its environment.
  const home = process.env.HOME;
  process.env.HOME = there;
  const server = await startEmbedded();
  if (home === undefined) delete process.env.HOME;
  else process.env.HOME = home;

  const configPath = join(bin, 'ssh_config');
  const settings = [
    'Host backup',
    `HostName ${server.host}`,
    `Port ${server.port}`,
    `User ${server.user}`,
    ...server.sshOptions.map((option) => option.replace('=', ' ')),
  ];
  writeFileSync(configPath, `${settings.join('\n')}\n`, { mode: 0o600 });
  const wrapperPath = join(bin, 'ssh');
  writeFileSync(wrapperPath, `#!/bin/sh\nPATH='${shellPath()}' exec ssh -F '${configPath}' "$@"\n`);
  chmodSync(wrapperPath, 0o755);
  return server;
}

function shellPath(): string {
  return (process.env.PATH ?? '').replaceAll("'", `'\\''`);
}

/** Rewrites one in a hundred of the image's 4 KiB blocks. */
function change({ here }: Stage, name: string, changeSeed: number): void {
  const extents = changeBlocks(join(here, name), {
    fraction: 0.01,
    blockBytes: 4096,
    seed: changeSeed,
  });
  const changedBytes = extents.reduce((sum, { length }) => sum + length, 0);
  say(`1 % of the 4 KiB blocks of ${name} have changed, at random places: ${changedBytes} bytes.`);
}

/** Runs a command line as a shell does, and inherits the output. */
async function basyn({ here, bin }: Stage, words: string): Promise<void> {
  const line = `basyn ${words}`;
  console.log(`\n$ ${line}`);
  const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  running = spawn('sh', ['-c', `exec ${line}`], { cwd: here, env: environment, stdio: 'inherit' });
  const [exitCode] = (await once(running, 'close')) as [number | null];
  running = undefined;
  if (exitCode !== 0) throw new Error(`The command ended with ${exitCode ?? 'a signal'} instead of 0.`);
}

/** Compares without basyn, as independent evidence. */
function compare({ here }: Stage, path: string): void {
  if (!filesEqual(join(here, 'disk.img'), path, imageBytes)) throw new Error('The images are not the same.');
  say('Compared byte for byte by the demo itself: both are the same.');
}

function title(text: string): void {
  console.log(`\n${text}\n${'-'.repeat(text.length)}`);
}

function say(...lines: string[]): void {
  console.log(`\n${lines.map((line) => `# ${line}`).join('\n')}`);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    running?.kill(signal);
    // The folders and the server end with this process.
    process.exit(1);
  });
}

try {
  await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
