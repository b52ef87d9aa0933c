import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { sourceDisk } from './disks.ts';
import { sshOptions } from './ssh.ts';

/** The location of the target: on this machine, or behind ssh, where the agent writes to it. */
export type Place = 'here' | 'ssh';

export interface Outcome {
  readonly exitCode: number | null;
  readonly output: string;
}

/** The system call on the target before which the run is killed: the first one of its kind, or a later one. */
export interface Killing {
  readonly call: 'flush' | 'write';
  readonly count: number;
}

export const executable = '/run/lab/basyn.cjs';
const tracePath = '/run/trace';

/** Makes the target equal to the source disk. */
export function basyn(
  target: string,
  place: Place,
  more: readonly string[] = [],
  source: string = sourceDisk,
): Outcome {
  return runProgram('node', [executable, ...argumentsFor(target, place, source), ...more]);
}

/** Runs Basyn with any options. */
export function runBasyn(args: readonly string[]): Outcome {
  return runProgram('node', [executable, ...args]);
}

/** Compares the target with the source disk, and changes neither. */
export function recheck(target: string, place: Place): Outcome {
  return runProgram('node', [executable, ...devicesFor(target, place), '--recheck']);
}

/** Like {@link basyn}, but the process that has the target open is killed with SIGKILL before this system call. */
export function killedBasyn(target: string, place: Place, { call, count }: Killing): void {
  const calls = call === 'flush' ? 'fsync,fdatasync' : 'pwrite64';
  const injection = `${calls}:signal=SIGKILL:when=${count}`;
  const options = ['-f', `--trace=${calls}`, '-P', target, `--inject=${injection}`];
  const tracer = ['strace', '-o', tracePath, ...options];
  rmSync(tracePath, { force: true });
  const args = [executable, ...argumentsFor(target, place)];
  const { exitCode, output } =
    place === 'here'
      ? runProgram('strace', [...tracer.slice(1), 'node', ...args])
      : runProgram('node', [...args, `--remote-node=${tracer.join(' ')} node`]);
  assert.notEqual(exitCode, 0, `the run was to be killed before ${call}, and ended well: ${output}`);
  const trace = existsSync(tracePath) ? readFileSync(tracePath, 'latin1') : '';
  assert.match(trace, /killed by SIGKILL/, `the run was not killed before ${call}: ${output}`);
}

/** The run has succeeded. */
export function expectSuccess({ exitCode, output }: Outcome): void {
  assert.equal(exitCode, 0, output);
}

/** The run has failed with this message. */
export function expectFailure({ exitCode, output }: Outcome, message: RegExp): void {
  assert.equal(exitCode, 2, `exit code ${exitCode}, not 2: ${output}`);
  assert.match(output, message);
}

function argumentsFor(target: string, place: Place, source: string = sourceDisk): string[] {
  return [...devicesFor(target, place, source), '--action=PUSH', '--mode=SYNC'];
}

function devicesFor(target: string, place: Place, source: string = sourceDisk): string[] {
  const host = place === 'ssh' ? sshOptions() : [];
  return [`--local=${source}`, `--remote=${target}`, '--lanes=1', ...host];
}

function runProgram(file: string, args: readonly string[]): Outcome {
  // The kernel must see every call separately, and all calls of one kind from one thread, so that they can be counted.
  const env = { ...process.env, UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '1' };
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    env,
    encoding: 'utf8',
    timeout: 180_000,
  });
  if (error) throw error;
  return { exitCode: status, output: `${stdout}${stderr}` };
}
