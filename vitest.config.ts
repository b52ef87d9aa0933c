import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config';
import type { ProjectConfig } from 'vitest/node';
import { define, virtualModules } from './scripts/bundle.ts';
import { LongestFirst } from './test/support/longest-first.ts';
import { isMocking, quickTestFiles } from './test/support/quick-tests.ts';

/** The build's `basyn:` modules, for tests that import the sources. */
const virtualPlugin: Plugin = {
  name: 'basyn-virtual',
  resolveId: (id) => (id in virtualModules ? `\0${id}` : undefined),
  load: async (id) => (await virtualModules[id.slice(1)]?.())?.source,
};

/** They take minutes. */
const onlyInLaboratory =
  process.env.BASYN_TEST_LAB === undefined ? ['test/installation.test.ts', 'test/booted-system.test.ts'] : [];

const excluded = ['test/nodes/**', 'test/package-checks/**', ...onlyInLaboratory];

/** What holds for every test. A project inherits nothing here: `globalSetup` would run once more for each. */
const common: ProjectConfig = {
  environment: 'node',
  pool: 'forks',
  testTimeout: 120_000,
  hookTimeout: 60_000,
  // Whatever is awaited may be late on a busy machine.
  expect: { poll: { timeout: 20_000 } },
  setupFiles: ['test/support/temporary-files.ts'],
};

/** Many files need only the sources, which they can share. The others have a process each. */
function projects(): TestProjectInlineConfiguration[] {
  const quick = quickTestFiles();
  const shared = quick.filter((file) => !isMocking(file));
  const isolated =
    process.env.BASYN_TEST_QUICK === undefined
      ? { include: ['test/**/*.test.ts'], exclude: [...excluded, ...shared] }
      : { include: quick.filter(isMocking) };
  const project = (name: string, test: ProjectConfig): TestProjectInlineConfiguration => ({
    plugins: [virtualPlugin],
    define: { ...define }, // A copy, because vitest takes its own object apart.
    test: { name, ...common, ...test },
  });
  return [project('shared', { isolate: false, include: shared }), project('isolated', isolated)];
}

export default defineConfig({
  test: {
    projects: projects(),
    // A file often waits: for a link, a timeout, a process. Four at once keep two cores busy.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
