import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import {
  runCommand,
  startCommand,
  type CommandOptions,
  type CommandResult,
  type RunningCommand,
} from '../../rig/processes/command.ts';
import type { PhaseReport } from '../../src/report.ts';
import { makeTemporaryDirectory } from '../../rig/temporary.ts';

export { hostOptions } from '../../rig/ssh/server.ts';

const build = resolve(import.meta.dirname, '../../dist');

/** The built executable, as a user runs it. */
export interface Basyn {
  /** The executable and the library, in a separate folder: a build may replace the originals at any time. */
  readonly executable: string;
  readonly library: string;
  run(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  start(args: readonly string[], options?: CommandOptions): Promise<RunningCommand>;
}

/**
 * The executable for all tests of the file.
 *
 * @param runOptions of each `run` that gives none.
 */
export function useBasyn(runOptions?: CommandOptions): Basyn {
  const directory = makeTemporaryDirectory('built');
  // Without an extension, as in the README.
  const executable = join(directory.path, 'basyn');
  const library = join(directory.path, 'index.mjs');
  beforeAll(() => {
    if (!existsSync(join(build, 'basyn.cjs'))) throw new Error('there is no build yet: npm run build');
    placeExecutable(executable);
    for (const name of ['index.mjs', 'index.cjs'])
      copyFileSync(join(build, name), join(directory.path, name));
  });
  afterAll(() => directory.remove());
  return {
    executable,
    library,
    run: (args, options = runOptions) => runCommand(executable, args, options),
    start: (args, options) => startCommand(executable, args, options),
  };
}

/** Settings for node reach it, and it can be read. Only the laboratory also tests the standalone executable. */
export const isScript = process.env.BASYN_TEST_EXECUTABLE === undefined;

/** The laboratory names another node for the command, or an executable that needs none. */
function placeExecutable(path: string): void {
  const { BASYN_TEST_NODE: node, BASYN_TEST_EXECUTABLE: other } = process.env;
  copyFileSync(other ?? join(build, 'basyn.cjs'), path);
  if (node === undefined) return;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^#!.*/, `#!${node}`));
  chmodSync(path, 0o755);
}

/** A run that succeeded without output. */
export function expectSilence(result: CommandResult): void {
  expect(pick(result)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
}

/** A run that succeeded; returns the lines of its stdout. */
export function expectLines(result: CommandResult): string[] {
  expect(pick(result)).toEqual({ exitCode: 0, stdout: result.stdout, stderr: '' });
  return linesOf(result.stdout);
}

/** A run that failed with this exit code and one sentence, and no other output. */
export function expectSentence(result: CommandResult, exitCode: 1 | 2, sentence: RegExp | string): void {
  expect({ ...pick(result), stderr: linesOf(result.stderr) }).toEqual({
    exitCode,
    stdout: '',
    stderr: [expect.stringMatching(/^basyn: \S.*[.?]$/)],
  });
  const [said = ''] = linesOf(result.stderr);
  if (typeof sentence === 'string') expect(said).toBe(`basyn: ${sentence}`);
  else expect(said).toMatch(sentence);
}

/** A line of `--json`; the field names are those of the library's events. */
export interface JsonLine {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The objects that `--json` prints. Every line must be one. */
export function jsonLines({ stdout }: CommandResult): JsonLine[] {
  return linesOf(stdout).map((line) => JSON.parse(line) as JsonLine);
}

export function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function pick({
  exitCode,
  stdout,
  stderr,
}: CommandResult): Pick<CommandResult, 'exitCode' | 'stdout' | 'stderr'> {
  return { exitCode, stdout, stderr };
}

/** The phases of the run, from the result that `--json` prints last. */
export function jsonPhases(result: CommandResult): readonly PhaseReport[] {
  const last = jsonLines(result).at(-1);
  expect(last).toMatchObject({ type: 'result' });
  return last!.phases as readonly PhaseReport[];
}
