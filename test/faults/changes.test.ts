import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { lineWith, type CommandResult } from '../../rig/processes/command.ts';
import { MiB, sideWord, useWorkshop, type Pair, type Wiring } from '../support/fault-workshop.ts';
import { attachLoop, isRoot } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { named, wiringsForSource, wiringsForTarget } from '../support/wirings.ts';

const server = useSshServer();
const workshop = useWorkshop(server);
const targetCases = named(wiringsForTarget);
const sourceCases = named(wiringsForSource);

describe('a target that changes during the run', () => {
  test.each(targetCases)('%s: makes the run fail if it was removed', async (_name, wiring) => {
    const { pair, result } = await duringRun(wiring, ({ target }) => rmSync(target));
    const name = `${sideWord(wiring, 'target')}file ${pair.target}`;
    expectRefusal(
      result,
      `${name} was removed during the run: the path no longer leads to the written data.`,
    );
  });

  test.each(targetCases)('%s: makes the run fail if it was replaced', async (_name, wiring) => {
    const { pair, result } = await duringRun(wiring, ({ target }) => {
      writeFileSync(`${target}.new`, 'another file');
      renameSync(`${target}.new`, target);
    });
    const name = `${sideWord(wiring, 'target')}file ${pair.target}`;
    expectRefusal(
      result,
      `${name} was replaced during the run: the path no longer leads to the written data.`,
    );
  });

  test.skipIf(!isRoot).each(targetCases)(
    '%s: makes the run fail if a loop device was attached to it (needs root)',
    async (_name, wiring) => {
      let loop = '';
      const { pair, result } = await duringRun(wiring, ({ target }) => {
        const attached = attachLoop(target);
        onTestFinished(attached.detach);
        loop = attached.path;
      });
      const name = `${sideWord(wiring, 'target')}file ${pair.target}`;
      expectRefusal(result, `${name} is attached to the loop device ${loop}, which began during the run.`);
    },
  );
});

describe('a source that changes during the run', () => {
  test.each(sourceCases)('%s: is reported if it grew', async (_name, wiring) => {
    const { pair, result } = await duringRun(wiring, ({ source }) => appendFileSync(source, 'more'));
    expectWarning(
      result,
      wiring,
      pair,
      `has changed its size from ${pair.sizeBytes} to ${pair.sizeBytes + 4} bytes`,
    );
  });

  test.each(sourceCases)('%s: is reported if it was modified', async (_name, wiring) => {
    const { pair, result } = await duringRun(wiring, ({ source }) => utimesSync(source, 1, 1));
    expectWarning(result, wiring, pair, 'was modified');
  });

  function expectWarning(
    { exitCode, stderr }: CommandResult,
    wiring: Wiring,
    { source }: Pair,
    what: string,
  ): void {
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      `basyn: warning: ${sideWord(wiring, 'source')}file ${source} ${what} during the run: the result may be ` +
        'inconsistent. Use a snapshot or stop the programs that write to it, and run again.\n',
    );
  }
});

/** Each flush is slow enough to act before it ends. */
const slowFlush = [
  'strace',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  'trace=fsync',
  '-e',
  'inject=fsync:delay_enter=1500000',
];

/** A run during which an action takes place. */
async function duringRun(
  wiring: Wiring,
  act: (pair: Pair) => void,
): Promise<{ pair: Pair; result: CommandResult }> {
  const pair = workshop.pair(6 * MiB);
  const isHere = wiring.over === 'here';
  const options = isHere
    ? { prefix: slowFlush }
    : { port: (await workshop.relay({ bandwidthMbit: 32 })).port };
  const run = await workshop.start(wiring, pair, ['--mode=COPY', '--verbose'], options);
  await lineWith(run.child.stdout!, isHere ? 'copy: flushing' : 'to go through');
  act(pair);
  return { pair, result: await run.result };
}

function expectRefusal({ exitCode, stderr }: CommandResult, sentence: string): void {
  expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: `basyn: ${sentence}\n` });
}
