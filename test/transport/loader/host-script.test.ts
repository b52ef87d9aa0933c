import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { bounds } from '../../../src/limits.ts';
import { agentCommand, anyHostCommand } from '../../../src/transport/loader/bootstrap.ts';
import { needsIn } from '../../../src/transport/loader/host-answers.ts';
import { placeScript } from '../../../src/transport/loader/host-script.ts';

describe('the command for a host that may have no node', () => {
  test.each(['', 'sudo -n '])('is read unchanged by every shell, with %j before node', (sudo) => {
    const [, script, loader] = /^sh -c '([^']*)' basyn '([^']*)'$/.exec(anyHostCommand(100_000, sudo)) ?? [];
    expect(script).not.toMatch(/[\\!\n]/);
    expect(loader).not.toMatch(/[\\!\n]/);
  });

  test('is at most 2 kB, as it is sent to hosts with node, too', () => {
    expect(anyHostCommand(100_000, 'sudo -n ').length).toBeLessThan(2000);
    expect(anyHostCommand(100_000, '').length - agentCommand('node').length).toBeLessThan(600);
  });
});

test('the second script has the length that the host reads, and every sh can parse it', () => {
  const script = placeScript({
    token: 'a'.repeat(32),
    sizeBytes: 1e8,
    sudo: 'sudo -n ',
    digest: 'b'.repeat(64),
  });
  expect(Buffer.byteLength(script)).toBe(bounds.hostScriptBytes);
  for (const shell of ['sh', 'bash']) execFileSync(shell, ['-n'], { input: script });
});

test.each([
  ['needs 0 Linux x86_64', { because: 'no node', system: 'Linux x86_64' }],
  ['needs 127 Linux x86_64', { because: 'no node', system: 'Linux x86_64' }],
  ['needs 86 Linux aarch64', { because: 'old node', system: 'Linux aarch64' }],
  ['needs 1', { because: 'broken node', system: '' }],
  ['20.11.0', undefined],
])('%j', (answer, needs) => {
  expect(needsIn(answer, 86)).toEqual(needs);
});
