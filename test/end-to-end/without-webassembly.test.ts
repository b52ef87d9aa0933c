import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostOptions, useBasyn } from '../support/basyn.ts';
import { deviceOptions, expectSynchronised, makePair } from '../support/disks.ts';
import { casesOf } from '../support/lab-cases.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { useSshServer } from '../support/ssh-server.ts';

const server = useSshServer();
const basyn = useBasyn();

const runs = (['PUSH', 'POP'] as const).flatMap((action) => [
  { action, options: ['--mode=COPY', '--compress=none'] },
  { action, options: ['--mode=SYNC', '--compress=zlib', '--hash=XXH128'] },
]);
const sides = [
  { side: 'local', local: '--jitless', remote: '' },
  { side: 'remote', local: '', remote: '--jitless' },
];
const cases = casesOf(
  runs.flatMap((run) => sides.map((side) => ({ ...run, ...side }))),
  // Each role and each kind of run.
  ({ action, options, side }) =>
    (action === 'PUSH') === (side === (options.includes('--mode=COPY') ? 'local' : 'remote')),
);

test.each(cases)(
  'a $action with $options works if the $side node has no WebAssembly',
  async ({ action, options, side, local, remote }) => {
    const pair = makePair();
    const node = join(scratchDirectory(), 'node');
    writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' ${remote} "$@"\n`);
    chmodSync(node, 0o755);
    const args = [...deviceOptions(action, pair), '-a', action, ...options];
    const { result } = await basyn.start(
      [...args, '--verbose', ...hostOptions(server()), `--remote-node=${node}`],
      {
        env: { NODE_OPTIONS: local },
      },
    );
    const { exitCode, stdout, stderr } = await result;
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toContain(`The node of the ${side} host cannot run WebAssembly`);
    expectSynchronised(pair);
  },
);
