import { existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { ControlSocket } from '../../src/transport/control-socket.ts';
import { scratchDirectory } from '../support/scratch.ts';

afterEach(() => vi.unstubAllEnvs());

const settings = (
  actual: Record<string, string>,
): { actual: Map<string, string>; standard: Map<string, string> } => ({
  actual: new Map(Object.entries(actual)),
  standard: new Map(),
});

test('is in its own directory, which is removed with it', async () => {
  const socket = await ControlSocket.make(settings({ controlmaster: 'false' }));
  const path = socket!.hostOptions.find((option) => option.startsWith('ControlPath='))!.split('=')[1]!;
  expect(socket!.guestOptions).toContain(`ControlPath=${path}`);
  expect(readdirSync(dirname(path))).toEqual([]);
  socket!.remove();
  expect(existsSync(dirname(path))).toBe(false);
});

test('is not created if the user shares connections already', async () => {
  expect(await ControlSocket.make(settings({ controlpath: '/home/me/.ssh/%C' }))).toBeUndefined();
  const socket = await ControlSocket.make(settings({ controlpath: 'none' }));
  expect(socket).toBeDefined();
  socket!.remove();
});

test.each([
  ['is longer than a socket’s path may be', () => `${scratchDirectory()}/${'x'.repeat(80)}`],
  ['contains a token of ssh', () => `${scratchDirectory()}/%h`],
  ['does not exist', () => `${scratchDirectory()}/gone`],
])('is not created if the path of temporary files %s', async (_, directory) => {
  vi.stubEnv('TMPDIR', directory());
  expect(await ControlSocket.make(settings({}))).toBeUndefined();
});
