import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * What each part of src/ may import of ours, besides itself. Imports go one way:
 * cli → index → runs → {transport, same-host → session → link → protocol} → {lvm, workers, device, digest, codec} → leaves.
 */
const leaves = [
  'binary-search.ts',
  'busy-time.ts',
  'clock.ts',
  'errors.ts',
  'limits.ts',
  'loop-time.ts',
  'replacement.ts',
  'separate-files.ts',
  'token-bucket.ts',
  'trace.ts',
  'zero.ts',
];
const layers = {
  'limits.ts': ['limits'],
  limits: [],
  'binary-search.ts': [],
  'busy-time.ts': ['clock.ts'],
  'clock.ts': [],
  'token-bucket.ts': ['clock.ts', 'limits.ts'],
  'loop-time.ts': [],
  'replacement.ts': [],
  'separate-files.ts': ['errors.ts'],
  'trace.ts': [],
  'zero.ts': [],
  'errors.ts': ['limits.ts'],
  'host.ts': ['errors.ts'],
  device: leaves,
  'list-formats': leaves,
  lvm: ['list-formats', 'device', ...leaves],
  digest: leaves,
  codec: leaves,
  'report.ts': ['digest', ...leaves],
  workers: ['device', 'digest', 'codec', ...leaves],
  protocol: ['digest', 'codec', ...leaves],
  link: ['protocol', 'digest', ...leaves],
  session: [
    'report.ts',
    'state-file',
    'link',
    'protocol',
    'workers',
    'lvm',
    'device',
    'digest',
    'codec',
    ...leaves,
  ],
  'state-file': ['device', 'digest', ...leaves],
  'same-host': ['report.ts', 'session', 'workers', 'device', 'digest', ...leaves],
  transport: ['report.ts', 'host.ts', 'link', 'protocol', ...leaves],
  'agent-program.ts': [],
  options: ['host.ts', 'report.ts', 'digest/hash-names.ts', ...leaves],
  agent: ['session', 'link', 'workers', 'protocol', 'device', ...leaves],
  runs: [
    'agent-program.ts',
    'options',
    'report.ts',
    'transport',
    'same-host',
    'state-file',
    'session',
    'link',
    'workers',
    ...leaves,
  ],
  ranges: ['report.ts', 'device', 'digest', ...leaves],
  changed: ['report.ts', 'session', 'list-formats', 'digest', ...leaves],
  tasks: [
    'jobs',
    'runs',
    'changed',
    'ranges',
    'options',
    'state-file',
    'session',
    'protocol',
    'report.ts',
    'digest/hash-names.ts',
    ...leaves,
  ],
  jobs: ['options', 'report.ts', 'device', ...leaves],
  'job-file': ['jobs', 'options', ...leaves],
  'html-report': ['jobs', 'options', 'report.ts', 'digest', 'display', ...leaves],
  display: [],
  'index.ts': ['tasks', 'jobs', 'options', 'digest', 'report.ts', 'errors.ts'],
  // Its types and tables come from where they are, so that the parser's tests don't load the whole library.
  cli: [
    'index.ts',
    'html-report',
    'display',
    'job-file',
    'jobs',
    'agent',
    'agent-program.ts',
    'options',
    'digest/hash-names.ts',
    'report.ts',
    ...leaves,
  ],
};

/** What the directories beside src/ may import of each other's. What bench/ and test/ share is in rig/. */
const directories = {
  src: [],
  rig: [],
  scripts: ['rig', 'src'],
  bench: ['rig', 'src'],
  test: ['rig', 'scripts', 'src'],
};

const directoryZones = Object.entries(directories).map(([directory, allowed]) => ({
  target: directory,
  from: Object.keys(directories).filter((name) => name !== directory && !allowed.includes(name)),
  message: `${directory}/ may import only itself and: ${allowed.join(', ') || 'nothing else'} (see eslint.config.js).`,
}));

const zones = Object.entries(layers).map(([part, allowed]) => ({
  target: `src/${part}`,
  // Everything in src/ but the exceptions, so that a new part is forbidden until this table names it.
  from: 'src',
  except: [part, 'ambient.d.ts', ...allowed].map((name) => `./${name}`),
  message: `src/${part} may import only: ${allowed.join(', ') || 'nothing of ours'} (see eslint.config.js).`,
}));

export default defineConfig(
  // wasm/ is AssemblyScript, which its own compiler checks.
  globalIgnores(['build/', 'dist/', 'release/', 'coverage/', 'test/nodes/', 'wasm/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      // Also forbids `import('./x.ts').Type`, which the rules on paths below would not see.
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // Numbers, sizes and flags belong in messages as they are.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNever: true },
      ],
      // `() => stream.end()` as a callback is plain enough.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // With noUncheckedIndexedAccess, `bytes[i]!` after a check of the length says it better than a
      // fallback value that can never be used.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A method may be async because its interface is, without awaiting anything itself.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'all' }],
    },
  },
  {
    files: ['{src,rig,scripts,bench,test}/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js'] })],
    },
    rules: {
      'import-x/no-restricted-paths': [
        'error',
        { basePath: import.meta.dirname, zones: [...zones, ...directoryZones] },
      ],
      'import-x/no-cycle': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      // Comments and blank lines are free: the limit is on code, not on explaining it.
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      // A call with more arguments names them: it passes an object.
      'max-params': ['error', { max: 4 }],
      'no-restricted-globals': ['error', { name: 'performance', message: 'Time is told by src/clock.ts.' }],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'MemberExpression[property.name=/^(toSorted|toReversed|toSpliced)$/]',
          message: 'The agent runs on Node 18, which has not got this method.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'rig/**/*.ts'],
    rules: {
      // Tests look into JSON, mocks and other people's output, whose shape the assertion itself checks.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly' } },
  },
);
