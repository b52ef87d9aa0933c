import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { atExit } from '../temporary.ts';
import { killTree } from './processes.ts';

const projectRoot = resolve(import.meta.dirname, '../..');

/** A TypeScript program of the test support in a separate process, with an IPC channel to it. */
export interface Program {
  readonly child: ChildProcess;
  /** Kills it and all its descendants at once. */
  stop(): Promise<void>;
}

/**
 * Starts a TypeScript file. It is bundled here and passed on stdin, so that no built file
 * has to be kept, found or removed; packages are found from the project's root.
 */
export async function startProgram(path: string, args: readonly string[]): Promise<Program> {
  const code = await bundle(path);
  const child = spawn(process.execPath, ['--enable-source-maps', '--input-type=module', '-', ...args], {
    cwd: projectRoot,
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
  });
  await once(child, 'spawn');
  child.stdin!.end(code);
  const ended = once(child, 'exit');
  const kill = atExit(() => killTree(child.pid!));
  return {
    child,
    async stop() {
      kill();
      await ended;
    },
  };
}

/** The next message that the program sends; throws if it ends before. */
export async function nextMessage<Message>({ child }: Program): Promise<Message> {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('the program has ended');
  const aborter = new AbortController();
  const options = { signal: aborter.signal };
  try {
    const ended = once(child, 'exit', options).then(([exitCode]) => {
      throw new Error(`the program ended with exit code ${exitCode} instead of an answer`);
    });
    const [message] = (await Promise.race([once(child, 'message', options), ended])) as [Message];
    return message;
  } finally {
    aborter.abort();
  }
}

const bundles = new Map<string, Promise<string>>();

function bundle(path: string): Promise<string> {
  const known = bundles.get(path) ?? runEsbuild(path);
  bundles.set(path, known);
  return known;
}

/** Runs esbuild as a command: its API would leave a service running in this process. */
async function runEsbuild(path: string): Promise<string> {
  const esbuild = createRequire(import.meta.url).resolve('esbuild/bin/esbuild');
  const flags = ['--bundle', '--platform=node', '--format=esm', '--target=node20', '--packages=external'];
  const args = [esbuild, path, ...flags, '--sourcemap=inline', '--log-level=error'];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: projectRoot,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}
