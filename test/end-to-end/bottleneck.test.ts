import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCommand, type CommandResult } from '../../rig/processes/command.ts';
import { writeImage, type ImageMix } from '../../rig/images/images.ts';
import { startRelay } from '../../rig/relay/relay.ts';
import type { Bottleneck, RunReport } from '../../src/report.ts';
import { hostOptions, jsonLines, useBasyn } from '../support/basyn.ts';
import { runOptions } from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { casesOf } from '../support/lab-cases.ts';
import { memoryDirectory, scratchDirectory } from '../support/scratch.ts';
import { slowViewOf } from '../support/slow-directory.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
const MiB = 1024 * 1024;
const sizeBytes = 4 * MiB;
/** Such a run takes ten seconds at least, and little work: it is limited in this way on a busy machine as well. */
const slowBytesPerSecond = 400_000;
const slowLinkMbit = 3.2;

type Limit = 'link' | 'source' | 'target' | 'source, on one host' | 'target, on one host';
const limits: readonly Limit[] = ['link', 'source', 'target', 'source, on one host', 'target, on one host'];

interface Case {
  readonly limit: Limit;
  readonly action: 'PUSH' | 'POP';
  readonly mode: 'SYNC' | 'COPY';
}
const cases = limits.flatMap((limit) =>
  (['PUSH', 'POP'] as const).flatMap((action) =>
    (['SYNC', 'COPY'] as const).map((mode): Case => ({ limit, action, mode })),
  ),
);
const someCases = casesOf(cases, ({ limit, action, mode }) =>
  [
    'link POP SYNC',
    'source PUSH SYNC',
    'target POP COPY',
    'source, on one host PUSH SYNC',
    'target, on one host POP COPY',
  ].includes(`${limit} ${action} ${mode}`),
);

/** A source, and a target of the same size that differs everywhere, each in a directory of its own. */
function pair(mix: ImageMix, bytes: number): Directories {
  const [source, target] = [scratchDirectory(memoryDirectory), scratchDirectory(memoryDirectory)];
  writeImage(join(source, 'disk'), bytes, { seed: 1, mix });
  writeFileSync(join(target, 'disk'), Buffer.alloc(bytes, 1));
  return { source, target };
}

interface Directories {
  readonly source: string;
  readonly target: string;
}

function optionsOf({ action, mode }: Omit<Case, 'limit'>, { source, target }: Directories): string[] {
  return runOptions(action, mode, { source: join(source, 'disk'), target: join(target, 'disk') });
}

/** The run of a case, with this limit and no other. */
async function runLimited({ limit, ...way }: Case, ...more: string[]): Promise<CommandResult> {
  const directories = pair({ incompressible: 1, text: 0 }, sizeBytes);
  if (limit === 'link') {
    const relay = await startRelay({ targetPort: server().port, bandwidthMbit: slowLinkMbit });
    const options = [...optionsOf(way, directories), ...hostOptions(server(), relay.port), ...more];
    return basyn.run(options).finally(() => relay.stop());
  }
  const [slow, oneHost] = limit.split(', ') as ['source' | 'target', string?];
  const slowed = { ...directories, [slow]: await slowViewOf(directories[slow], slowBytesPerSecond) };
  const host = oneHost === undefined ? hostOptions(server()) : [];
  return basyn.run([...optionsOf(way, slowed), ...host, ...more]);
}

function limitedBy({ limit, action }: Case): Bottleneck['limitedBy'] {
  if (limit === 'link') return 'link';
  return limit.startsWith('source') === (action === 'PUSH') ? 'local disk' : 'remote disk';
}

function reportOf(result: CommandResult): RunReport {
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return jsonLines(result).at(-1) as unknown as RunReport;
}

test.skipIf(!isRoot)(
  'what limits a run is the slow link, or the slow disk of either side (needs root: FUSE)',
  async () => {
    const runs = someCases.map(async (each) => ({
      each,
      report: reportOf(await runLimited(each, '--json')),
    }));
    const withStat = runLimited({ limit: 'link', action: 'PUSH', mode: 'COPY' }, '--stat');
    for (const { each, report } of await Promise.all(runs)) {
      expect({ ...each, bottleneck: report.bottleneck }).toMatchObject({
        ...each,
        bottleneck: { limitedBy: limitedBy(each), ofMs: Math.round(report.elapsedMs) },
      });
      expect(report.times!.waitingMs).toBeDefined();
    }
    expect((await withStat).stdout).toMatch(/^Limited by: +the link \([0-9.]+ of [0-9.]+ s\)$/m);
  },
);

test.each(casesOf(['PUSH', 'POP'] as const, (action) => action === 'PUSH'))(
  'what limits a run is the processor, where one compresses as much as it can: %s',
  async (action) => {
    const directories = pair({ incompressible: 0, text: 1 }, 96 * MiB);
    const options = [...optionsOf({ action, mode: 'COPY' }, directories), ...hostOptions(server())];
    const command = [basyn.executable, ...options, '--zlevel=9', '--json'];
    const { bottleneck } = reportOf(await runCommand('taskset', ['-c', '0', ...command]));
    expect(bottleneck).toMatchObject({
      limitedBy: 'processor',
      side: action === 'PUSH' ? 'local' : 'remote',
    });
  },
);

test('--stat says nothing about a short run', async () => {
  const { stdout } = await basyn.run([
    ...optionsOf({ action: 'PUSH', mode: 'COPY' }, pair({ incompressible: 1, text: 0 }, MiB)),
    '--stat',
  ]);
  expect(stdout).not.toContain('Limited by');
});
