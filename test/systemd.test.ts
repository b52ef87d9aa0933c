import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { useBasyn } from './support/basyn.ts';

const basyn = useBasyn();
const examples = resolve(import.meta.dirname, '../examples/systemd');
const folder = makeTemporaryDirectory('systemd');
afterAll(() => folder.remove());
/** Ten times the exposure that systemd computes. It was 5.0 with systemd 252; a service of root without any of it has 9.6. */
const mostExposure = 52;

describe('the units of systemd', () => {
  const service = join(folder.path, 'basyn@.service');
  beforeAll(() => {
    cpSync(examples, folder.path, { recursive: true });
    const text = readFileSync(service, 'utf8');
    // The command is not installed here.
    writeFileSync(service, text.replace('ExecStart=basyn', `ExecStart=${basyn.executable}`));
  });

  test('are accepted by systemd without a complaint', () => {
    const units = readdirSync(folder.path).map((name) => join(folder.path, name.replace('@.', '@night.')));
    expect(units).toHaveLength(2);
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('leave little that a service of root may do besides its work', () => {
    const args = ['security', '--offline=true', `--threshold=${mostExposure}`, service];
    expect(execFileSync('systemd-analyze', args, { encoding: 'utf8' })).toContain('Overall exposure level');
  });

  test('start the command with options that it accepts', async () => {
    const [, line = ''] = /^ExecStart=basyn (.*)$/m.exec(
      readFileSync(join(examples, 'basyn@.service'), 'utf8'),
    )!;
    const jobs = join(folder.path, 'night.toml');
    writeFileSync(jobs, '[jobs.a]\nlocal = "/none/a"\nremote = "/none/b"\n');
    const args = line.replace('/etc/basyn/%i.toml', jobs).replace('$BASYN_OPTIONS', '').trim().split(' ');
    const env = { ...process.env, STATE_DIRECTORY: folder.path };
    expect(await basyn.run(args, { env })).toMatchObject({
      exitCode: 2,
      stdout: expect.stringContaining('1 of 1 jobs failed'),
    });
  });
});
