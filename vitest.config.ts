import { defineConfig, type Plugin } from 'vitest/config';
import { define, virtualModules } from './scripts/bundle.ts';

/** The build's `basyn:` modules, for tests that import the sources. */
const virtualPlugin: Plugin = {
  name: 'basyn-virtual',
  resolveId: (id) => (id in virtualModules ? `\0${id}` : undefined),
  load: async (id) => (await virtualModules[id.slice(1)]?.())?.source,
};

export default defineConfig({
  plugins: [virtualPlugin],
  define: { ...define }, // A copy, because vitest takes its own object apart.
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/nodes/**'],
    environment: 'node',
    pool: 'forks',
    // Many tests wait: for a link, for a process to start. Two files at once keep two cores busy.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
