import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { descendants } from '../../rig/processes/processes.ts';
import { makeRandom, type Random } from '../../rig/images/random.ts';
import { useWorkshop, wirings, type Wiring } from '../support/fault-workshop.ts';
import { caseCount, casesOf } from '../support/lab-cases.ts';
import { Nights } from '../support/nights.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { readStateTrace, stateTraceCommand, type TracedCall } from '../support/state-trace.ts';

vi.setConfig({ testTimeout: 600_000 });

const server = useSshServer();
const workshop = useWorkshop(server);

describe('a run with a state file of which all processes are killed', () => {
  const seeds = Array.from({ length: caseCount(200) }, (_, seed) => seed);
  // One pair for each wiring: the runs of a pair follow each other, as nights do.
  test.each(wirings.map((wiring, index) => ({ ...wiring, index })))(
    'at any moment is followed by one with an equal target: $action $over',
    async ({ index, ...wiring }) => {
      const nights = new Nights(workshop, { kind: 'file', wiring, bufferCount: 96 });
      await nights.begin();
      for (const seed of seeds.filter((each) => each % wirings.length === index)) {
        const random = makeRandom(1000 + seed);
        changeSomething(nights, random);
        const more = seed % 3 === 0 ? ['--read-limit=8M'] : [];
        const running = await nights.start([
          ...more,
          ...(seed % 5 === 0 ? ['--update-bitmap', '--buffer=64'] : []),
        ]);
        await sleep(random.below(wiring.over === 'ssh' ? 1800 : 1000));
        killAll(running.pid, random.below(3));
        await running.result;
        // Half of the sources change between the two runs as well.
        if (seed % 2 === 0) changeSomething(nights, random);
        await untilFree(nights, seed);
        nights.expectEqual(`after the kill of seed ${seed}`);
      }
    },
  );

  /** The processes here and those of the agent: all of them, or only the local ones or the agent's. */
  function killAll(pid: number, whose: number): void {
    const local = [...descendants(pid).map((each) => each.pid), pid];
    const remote = descendants(server().pid).map((each) => each.pid);
    const doomed = [[...local, ...remote], local, remote.length > 0 ? remote : local][whose]!;
    for (const each of doomed) {
      try {
        process.kill(each, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  /** An agent whose local side was killed may have its device open for a moment. */
  async function untilFree(nights: Nights, seed: number): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const { exitCode, stderr } = await nights.run();
      if (exitCode === 0) return;
      const isBusy = /is used by another|is in use|another run|open for writing/.test(stderr);
      if (!isBusy || attempt === 20) throw new Error(`seed ${seed}: ${stderr}`);
      await sleep(200);
    }
  }
});

describe('every order in which a crash may cut a run with a state file', () => {
  test.each<[string, Wiring, string[]]>([
    ['that sends what differs', { action: 'PUSH', over: 'here' }, []],
    ['that sends what differs from another host', { action: 'POP', over: 'ssh' }, []],
    ['that makes the file anew', { action: 'PUSH', over: 'here' }, ['--update-bitmap', '--buffer=64']],
  ])('is followed by a run with an equal target: %s', async (_name, wiring, more) => {
    const nights = new Nights(workshop, { kind: 'file', wiring, bufferCount: 48 });
    await nights.begin();
    const log = join(nights.directory, 'trace');
    const restoreFiles = nights.keep(nights.state, nights.target);
    const oldSource = readFileSync(nights.source);
    for (const index of [0, 7, 8, 21, 40]) nights.change(index);
    nights.rewrite(30, 31);
    const newSource = readFileSync(nights.source);
    await nights.night(more, { prefix: stateTraceCommand(log) });
    nights.expectEqual();
    const calls = readStateTrace(log, { state: nights.state, target: nights.target });
    const kinds = calls.map(({ file, kind }) => `${file} ${kind}`);
    expect(kinds).toEqual(
      expect.arrayContaining(['state write', 'state sync', 'target write', 'target sync']),
    );

    const points = crashPoints(calls);
    const random = makeRandom(points.length);
    for (const point of casesOf(points, (_point) => random.below(points.length) < 4)) {
      restoreFiles();
      replay(calls, point, nights);
      // As the interrupted run had it, or rolled back to what the file described before.
      writeFileSync(nights.source, point.source === 'new' ? newSource : oldSource);
      // Writing the target here is a write of others; the marks of the interrupted run are put into the file.
      const { warnings } = await nights.night(['--trust-target']);
      nights.expectEqual(`${JSON.stringify(point)}, ${warnings}`);
    }
  });
});

/** The calls up to this one have been made. `lost`: what was not synced of the state file was not written. */
interface CrashPoint {
  readonly callCount: number;
  readonly unsynced: 'kept' | 'lost';
  readonly source: 'new' | 'old';
}

function crashPoints(calls: readonly TracedCall[]): CrashPoint[] {
  return Array.from({ length: calls.length + 1 }, (_, callCount) =>
    (['kept', 'lost'] as const).flatMap((unsynced) =>
      (['new', 'old'] as const).map((source) => ({ callCount, unsynced, source })),
    ),
  ).flat();
}

function replay(calls: readonly TracedCall[], { callCount, unsynced }: CrashPoint, nights: Nights): void {
  const made = calls.slice(0, callCount);
  const lastSync = made.findLastIndex(({ file, kind }) => file === 'state' && kind === 'sync');
  const fds = { state: openSync(nights.state, 'r+'), target: openSync(nights.target, 'r+') };
  for (const [index, call] of made.entries()) {
    if (call.kind === 'sync') continue;
    if (call.file === 'state' && unsynced === 'lost' && index > lastSync) continue;
    writeSync(fds[call.file], call.bytes, 0, call.bytes.byteLength, call.offsetBytes);
  }
  closeSync(fds.state);
  closeSync(fds.target);
}

function changeSomething(nights: Nights, random: Random): void {
  for (let count = 1 + random.below(12); count > 0; count--) {
    if (random.below(3) === 0) nights.rewrite(random.below(90));
    else nights.change(random.below(96));
  }
}
