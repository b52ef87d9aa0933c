import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config';
import type { InlineConfig } from 'vitest/node';
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

const allTests = { include: ['test/**/*.test.ts'] };

function quickTests(): Pick<InlineConfig, 'projects'> {
  const files = quickTestFiles();
  const project = (name: string, isolate: boolean): TestProjectInlineConfiguration => ({
    extends: true,
    test: { name, isolate, include: files.filter((file) => isMocking(file) === isolate) },
  });
  return { projects: [project('shared', false), project('isolated', true)] };
}

export default defineConfig({
  plugins: [virtualPlugin],
  define: { ...define }, // A copy, because vitest takes its own object apart.
  test: {
    ...(process.env.BASYN_TEST_QUICK === undefined ? allTests : quickTests()),
    exclude: ['test/nodes/**', 'test/package-checks/**', ...onlyInLaboratory],
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
