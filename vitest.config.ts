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

/** Many files need only the sources, which they can share. The others have a process each. */
function projects(): TestProjectInlineConfiguration[] {
  const quick = quickTestFiles();
  const shared = quick.filter((file) => !isMocking(file));
  const project = (name: string, test: ProjectConfig): TestProjectInlineConfiguration => ({
    extends: true,
    test: { name, ...test },
  });
  return [
    project('shared', { isolate: false, include: shared }),
    project(
      'isolated',
      process.env.BASYN_TEST_QUICK === undefined
        ? { include: ['test/**/*.test.ts'], exclude: [...excluded, ...shared] }
        : { include: quick.filter(isMocking) },
    ),
  ];
}

export default defineConfig({
  plugins: [virtualPlugin],
  define: { ...define }, // A copy, because vitest takes its own object apart.
  test: {
    projects: projects(),
    exclude: excluded,
    environment: 'node',
    pool: 'forks',
    // A file often waits: for a link, a timeout, a process. Four at once keep two cores busy.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Whatever is awaited may be late on a busy machine.
    expect: { poll: { timeout: 20_000 } },
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/temporary-files.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
