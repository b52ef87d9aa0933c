import { copyFileSync, openSync, closeSync, readSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { LinkOptions } from '../../rig/relay/relay-link.ts';
import {
  runCommand,
  startCommand,
  type CommandOptions,
  type CommandResult,
} from '../../rig/processes/command.ts';
import { filesEqual, sha256OfFile, writeImage } from '../../rig/images/images.ts';
import { useProcessCheck } from './process-check.ts';
import { startRelay, type Relay } from '../../rig/relay/relay.ts';
import { hostOptions, type SshServer } from '../../rig/ssh/server.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

export const MiB = 1024 * 1024;

/** Bytes of a target beyond the source's size: they must never change. */
const canaryBytes = 64 * 1024;
export const canary = Buffer.alloc(canaryBytes, 'canary!');

/** The locations of a run's two devices, and the direction of the data. */
export interface Wiring {
  readonly action: 'PUSH' | 'POP';
  readonly over: 'here' | 'ssh';
}

export const wirings: readonly Wiring[] = [
  { action: 'PUSH', over: 'here' },
  { action: 'POP', over: 'here' },
  { action: 'PUSH', over: 'ssh' },
  { action: 'POP', over: 'ssh' },
];

/** The side of a role, as messages name it. */
export function sideOf({ action }: Wiring, role: 'source' | 'target'): 'local' | 'remote' {
  return (action === 'PUSH') === (role === 'source') ? 'local' : 'remote';
}

const repairAdvice =
  / The target may be incomplete: run it again with --mode=SYNC to repair it\.( It reads \d+ bytes( \([^)]*\))? on each side, and sends what still differs\. With --retries, a run continues by itself after such a failure\.)?/;

/** The beginning of a device's name in a message: without a side if both are on one machine. */
export function sideWord(wiring: Wiring, role: 'source' | 'target'): '' | 'local ' | 'remote ' {
  return wiring.over === 'ssh' ? `${sideOf(wiring, role)} ` : '';
}

/** A source, and a target that is longer by the canary. */
export interface Pair {
  readonly source: string;
  readonly target: string;
  readonly sizeBytes: number;
}

export interface RunOptions extends CommandOptions {
  /** The port of a relay to the server. */
  readonly port?: number;
  /** Arguments before node: `prlimit --fsize=1000`. */
  readonly prefix?: readonly string[];
}

/** Everything that a fault test needs. It is created for each test, and cleaned up when the test ends. */
export interface Workshop {
  /** A directory that is removed after the file's tests. */
  readonly directory: string;
  /** The copy of the executable under test. */
  readonly script: string;
  path(name: string): string;
  /** A pair of images; the target differs from the source in all its bytes, or is a hole (`sparse`). */
  pair(sizeBytes: number, target?: 'different' | 'sparse', directory?: string): Pair;
  /** A command line for a run of this pair. */
  arguments(wiring: Wiring, pair: Pair, more?: readonly string[], port?: number): string[];
  run(wiring: Wiring, pair: Pair, more?: readonly string[], options?: RunOptions): Promise<CommandResult>;
  start(
    wiring: Wiring,
    pair: Pair,
    more?: readonly string[],
    options?: RunOptions,
  ): ReturnType<typeof startCommand>;
  /** The executable with any arguments. */
  command(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Runs a SYNC without faults, which must succeed, and checks every byte of both files. */
  expectRepair(wiring: Wiring, pair: Pair): Promise<void>;
  /** A link to the server with the given faults; stopped after the test. */
  relay(link: LinkOptions): Promise<Relay>;
  /** Waits until all processes that the test has started have ended. */
  expectNothingLeft(withinMs?: number): Promise<void>;
}

/** A workshop around the built executable, which is copied first: a build may replace it at any time. */
export function useWorkshop(server: () => SshServer): Workshop {
  const temporary = makeTemporaryDirectory('faults');
  const script = join(temporary.path, 'basyn.cjs');
  const processes = useProcessCheck(8000);
  const relays: Relay[] = [];
  let pairCount = 0;
  beforeAll(() => copyFileSync(join(import.meta.dirname, '../../dist/basyn.cjs'), script));
  afterAll(() => temporary.remove());
  afterEach(async () => {
    for (const relay of relays.splice(0)) await relay.stop();
  });

  const path = (name: string): string => join(temporary.path, name);
  const workshop: Workshop = {
    directory: temporary.path,
    script,
    path,
    pair(sizeBytes, target = 'different', directory = temporary.path) {
      const number = ++pairCount;
      const at = (name: string): string => join(directory, `${name}-${number}`);
      const pair = { source: at('source'), target: at('target'), sizeBytes };
      writeImage(pair.source, sizeBytes, { seed: 2 * number, mix: { incompressible: 0.8, text: 0.2 } });
      if (target === 'sparse') writeFileSync(pair.target, '');
      else writeImage(pair.target, sizeBytes, { seed: 2 * number + 1 });
      truncateSync(pair.target, sizeBytes);
      writeFileSync(pair.target, canary, { flag: 'a' });
      return pair;
    },
    arguments(wiring, { source, target }, more = ['--mode=SYNC'], port) {
      const [local, remote] = wiring.action === 'PUSH' ? [source, target] : [target, source];
      const ssh = wiring.over === 'ssh' ? hostOptions(server(), port) : [];
      return [`--local=${local}`, `--remote=${remote}`, `--action=${wiring.action}`, ...ssh, ...more];
    },
    async run(wiring, pair, more, options = {}) {
      const { result } = await workshop.start(wiring, pair, more, options);
      return result;
    },
    start(wiring, pair, more, { port, prefix = [], ...options } = {}) {
      const [file, ...args] = [...prefix, process.execPath, script];
      return startCommand(file, [...args, ...workshop.arguments(wiring, pair, more, port)], options);
    },
    command(argv, { prefix = [], ...options } = {}) {
      const [file, ...args] = [...prefix, process.execPath, script, ...argv];
      return runCommand(file!, args, options);
    },
    async expectRepair(wiring, pair) {
      const { exitCode, stderr } = await workshop.run(wiring, pair);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(filesEqual(pair.source, pair.target, pair.sizeBytes)).toBe(true);
      expectCanary(pair);
    },
    async relay(link) {
      const relay = await startRelay({ ...link, targetPort: server().port });
      relays.push(relay);
      return relay;
    },
    expectNothingLeft: (withinMs) => processes.expectNothingLeft(withinMs),
  };
  return workshop;
}

/** Records what must not change. The returned function checks that it has not changed. */
export function guardPair(pair: Pair): () => void {
  const before = sha256OfFile(pair.source);
  return () => {
    expect(sha256OfFile(pair.source)).toBe(before);
    expectCanary(pair);
  };
}

function expectCanary({ target, sizeBytes }: Pair): void {
  if (!statSync(target).isFile()) return;
  const tail = Buffer.alloc(canaryBytes);
  const fd = openSync(target, 'r');
  try {
    readSync(fd, tail, 0, canaryBytes, sizeBytes);
  } finally {
    closeSync(fd);
  }
  expect(tail.equals(canary)).toBe(true);
}

/** All control characters except the newline. None of them may reach the terminal. */
// eslint-disable-next-line no-control-regex
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;
const stackTrace = /^\s+at |node:internal|file:\/\/|\bError:/m;
/** Text that a failed run must not print to stdout. */
const successWords = /all done| written|Ratio|phase-end|the devices match/;

/** For `toMatchObject`, if {@link expectFailure} would be too strict. */
export const noSuccess: unknown = expect.not.stringMatching(successWords);

/**
 * A run that failed as required: exit code 2, one message of Basyn, no stack trace, no report of success. The message
 * is returned without the advice for a target that may have been written to. Lines of the remote stderr may be added.
 */
export function expectFailure(
  { exitCode, signal, deadlineExceeded, stdout, stderr, wallMs }: CommandResult,
  { withinMs = 10_000 } = {},
): string {
  const said = stderr.split('\n').filter((line) => line !== '');
  const sentences = said.filter((line) => line.startsWith('basyn: '));
  expect({ exitCode, signal, deadlineExceeded, sentences }).toEqual({
    exitCode: 2,
    signal: null,
    deadlineExceeded: false,
    sentences: [expect.stringMatching(/^basyn: \S.*\.$/)],
  });
  expect(said.filter((line) => !line.startsWith('basyn: ') && !line.startsWith('remote: '))).toEqual([]);
  expect(stderr).not.toMatch(stackTrace);
  expect(stderr + stdout).not.toMatch(controls);
  expect(stdout).not.toMatch(successWords);
  expect(wallMs).toBeLessThan(withinMs);
  return sentences[0]!.replace(repairAdvice, '');
}
