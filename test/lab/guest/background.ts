import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import type { Outcome } from './basyn.ts';
import { afterTest } from './clean-up.ts';

const outputPath = '/run/background-output';
const statusPath = '/run/background-status';
const pollMs = 20;
const limitMs = 150_000;

/** A run of Basyn that goes on while the test does something else. */
export class BackgroundRun {
  /** Of the local process. */
  readonly pid: number;

  constructor(args: readonly string[]) {
    for (const path of [outputPath, statusPath]) rmSync(path, { force: true });
    const output = openSync(outputPath, 'w');
    // The test blocks its event loop, so that a shell has to write down the status.
    const script = `node /run/lab/basyn.cjs "$@" & echo $! > ${statusPath}.pid; wait $!; echo $? > ${statusPath}.new; mv ${statusPath}.new ${statusPath}`;
    const child = spawn('/bin/sh', ['-c', script, 'sh', ...args], { stdio: ['ignore', output, output] });
    child.unref();
    closeSync(output);
    waitUntil('the run has started', () => existsSync(`${statusPath}.pid`) && readPid() > 0);
    this.pid = readPid();
    rmSync(`${statusPath}.pid`);
    afterTest(() => this.kill('SIGKILL'));
  }

  get output(): string {
    return readFileSync(outputPath, 'utf8');
  }

  kill(signal: NodeJS.Signals): void {
    if (!existsSync(statusPath)) process.kill(this.pid, signal);
  }

  /** Waits for its end. */
  end(): Outcome {
    waitUntil('the run has ended', () => existsSync(statusPath));
    return { exitCode: Number(readFileSync(statusPath, 'utf8')), output: this.output };
  }
}

function readPid(): number {
  return Number(readFileSync(`${statusPath}.pid`, 'utf8'));
}

/** @throws if it does not become true in time. */
export function waitUntil(what: string, isTrue: () => boolean): void {
  const endMs = Date.now() + limitMs;
  while (!isTrue()) {
    if (Date.now() > endMs) {
      const output = existsSync(outputPath) ? readFileSync(outputPath, 'utf8') : '';
      throw new Error(`waited in vain until ${what}; output of the run: ${output}`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pollMs);
  }
}
