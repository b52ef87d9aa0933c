import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { partsOf } from '../../scripts/program-parts.ts';
import { expectSilence, hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions, makePair } from '../support/disks.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();
/** As the build makes it. */
const program = partsOf(fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url)));

/** A short run is over before the rest of the program would be there. */
test.each(['SYNC', 'COPY'])('a local %s loads nothing that only other runs need', async (mode) => {
  const modules = await modulesOf(['-m', mode]);
  expect(modules).toContain('src/device/target.ts');
  expect(modules.filter((module) => onlyForOtherRuns.test(module))).toEqual([]);
});

test('what only a run over ssh needs is found if it is loaded', async () => {
  const modules = await modulesOf(['-m', 'SYNC', ...hostOptions(server())]);
  expect(modules).toEqual(
    expect.arrayContaining(['basyn:basyn:agent', 'src/transport/ssh.ts', 'src/link/channel.ts']),
  );
  expect(modules.filter((module) => /^src\/(agent|lvm|list-formats)\//.test(module))).toEqual([]);
});

const onlyForOtherRuns =
  /^src\/(agent|transport|link|protocol|codec|lvm|changed|list-formats|state-file)\/|^basyn:|^node_modules\//;

/** The modules that a PUSH loads: node counts the calls in each script that it has seen. */
async function modulesOf(options: readonly string[]): Promise<string[]> {
  const { parts } = await program;
  const folder = scratchDirectory();
  const args = [...deviceOptions('PUSH', makePair({ sizeBytes: 2 ** 20 })), '-a', 'PUSH', ...options];
  expectSilence(await basyn.run(args, { env: { NODE_V8_COVERAGE: folder } }));
  const reports = readdirSync(folder).map(
    (file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as CoverageReport,
  );
  const scripts = new Set(reports.flatMap(({ result }) => result).map(({ url }) => url));
  expect(scripts).toContain('basyn');
  return parts
    .filter(({ name, loaded }) => loaded === 'always' || scripts.has(`basyn ${name}`))
    .flatMap(({ modules }) => modules);
}

/** What NODE_V8_COVERAGE writes. */
interface CoverageReport {
  readonly result: readonly { readonly url: string }[];
}
