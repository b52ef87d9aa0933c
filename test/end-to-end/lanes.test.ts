import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostOptions, useBasyn } from '../support/basyn.ts';
import type { CommandResult } from '../../rig/processes/command.ts';
import { filesEqual, writeImage } from '../../rig/images/images.ts';
import { startRelay } from '../../rig/relay/relay.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const sizeBytes = 48 * 1024 * 1024;

/** Copies an incompressible image over a link with a round trip of 50 ms, in about three seconds. */
async function copyFar(...more: string[]): Promise<CommandResult & { readonly temporary: string }> {
  const directory = scratchDirectory(memoryDirectory);
  const temporary = scratchDirectory();
  const [source, target] = [join(directory, 'source'), join(directory, 'target')];
  writeImage(source, sizeBytes, { seed: 1, mix: { incompressible: 1, text: 0 } });
  const relay = await startRelay({ targetPort: server().port, delayMs: 25, bandwidthMbit: 160 });
  try {
    const places = [`--local=${source}`, `--remote=${target}`, ...hostOptions(server(), relay.port)];
    const order = ['--action=PUSH', '--mode=COPY', '--create', '--debug'];
    const options = more.map((option) => option.replaceAll('%PORT%', `${relay.port}`));
    const result = await basyn.run([...places, ...order, ...options], { env: { TMPDIR: temporary } });
    expect({ exitCode: result.exitCode, equal: filesEqual(source, target, sizeBytes) }).toEqual({
      exitCode: 0,
      equal: true,
    });
    return { ...result, temporary };
  } finally {
    await relay.stop();
  }
}

test('with a long round trip, lanes share the first connection, and also have their own', async () => {
  const { stderr, temporary } = await copyFar('--lanes=3');
  expect(countOf(stderr, 'A further lane (shared connection) carries data.')).toBe(2);
  expect(countOf(stderr, 'A further lane (own connection) carries data.')).toBe(2);
  expect(readdirSync(temporary)).toEqual([]);
});

test('if a second connection is refused, lanes share the first one', async () => {
  const once = join(scratchDirectory(), 'once');
  const proxy = `mkdir ${once} && exec 3<>/dev/tcp/127.0.0.1/%PORT% && { cat <&3 & cat >&3; }`;
  const { stderr, temporary } = await copyFar(`--ssh-option=ProxyCommand=bash -c '${proxy}'`);
  expect(countOf(stderr, 'A further lane (shared connection) carries data.')).toBe(3);
  expect(countOf(stderr, 'A further lane (own connection) could not be opened')).toBe(3);
  expect(readdirSync(temporary)).toEqual([]);
});

test('with one lane, or if the user shares connections already, Basyn shares no connection', async () => {
  const alone = await copyFar('--lanes=1');
  expect(alone.stderr).not.toContain('A further lane');
  const own = await copyFar('--ssh-option=ControlPath=/nowhere/at-all', '--ssh-option=ControlMaster=no');
  expect(countOf(own.stderr, 'A further lane (shared connection) could not be opened')).toBe(3);
});

test('one lane is enough for a limited rate, which the window of ssh does not hold back', async () => {
  const { stderr } = await copyFar('--bwlimit=4M');
  expect(stderr).toContain('decision: no further lanes, because one carries the limited rate');
  expect(stderr).not.toContain('A further lane');
});

function countOf(text: string, words: string): number {
  return text.split(words).length - 1;
}
