import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCommand, startCommand } from '../../rig/processes/command.ts';
import { watchMemory } from '../../rig/processes/memory.ts';
import {
  assertNothingLeft,
  descendants,
  killTree,
  reapedCpuMs,
  snapshotProcesses,
  type ProcessSnapshot,
} from '../../rig/processes/processes.ts';

let before: ProcessSnapshot;
beforeEach(() => {
  before = snapshotProcesses();
});
afterEach(() => assertNothingLeft(before));

test('a command’s output, status and signal are reported', async () => {
  expect(await runCommand('sh', ['-c', 'cat; echo err >&2; exit 3'], { input: 'in' })).toMatchObject({
    exitCode: 3,
    signal: null,
    deadlineExceeded: false,
    stdout: 'in',
    stderr: 'err\n',
  });
  expect(await runCommand('sh', ['-c', 'kill -9 $$'])).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
  await expect(runCommand('/no/such/file', [])).rejects.toThrow('ENOENT');
});

test('a command’s output is bounded', async () => {
  const { exitCode, stdout } = await runCommand('head', ['-c', '5000000', '/dev/zero'], {
    outputBytesMax: 1000,
  });
  expect({ exitCode, length: stdout.length }).toEqual({ exitCode: 0, length: 1000 });
});

test('a deadline ends a command and all its descendants', async () => {
  const result = await runCommand('sh', ['-c', 'trap "" TERM; sleep 600 & sleep 600; true'], {
    deadlineMs: 200,
  });
  expect(result).toMatchObject({ signal: 'SIGKILL', deadlineExceeded: true });
  expect(result.wallMs).toBeLessThan(5000);
});

test('a process that has left its parent is still found', async () => {
  const orphanage = spawn('sh', ['-c', 'setsid sleep 600 & echo $!'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [pid] = (await once(orphanage.stdout, 'data')) as [Buffer];
  if (orphanage.exitCode === null) await once(orphanage, 'exit');
  // While it executes `setsid` and then `sleep`, it briefly has no command line.
  const commandLine = (): string => readFileSync(`/proc/${Number(pid)}/cmdline`, 'latin1');
  await expect.poll(commandLine).toBe(['sleep', '600', ''].join('\0'));
  await expect(assertNothingLeft(before, 100)).rejects.toThrow('sleep 600');
  process.kill(Number(pid), 'SIGKILL');
});

test('a tree of processes is found and ended', async () => {
  const tree = await startCommand('sh', ['-c', 'sh -c "sleep 600; true" & sleep 600; true']);
  await expect.poll(() => descendants(tree.pid).length).toBe(3);
  killTree(tree.pid);
  await tree.result;
});

test('peak memory and CPU time are measured', async () => {
  const cpuBeforeMs = reapedCpuMs(process.pid);
  const program = 'const b = Buffer.alloc(2e8, 1); setTimeout(() => b, 500)';
  const { pid, result } = await startCommand('sh', ['-c', `${process.execPath} -e '${program}'; true`]);
  const watch = watchMemory(pid);
  await result;
  const [largest] = watch.stop();
  expect(largest!.name).toContain('Buffer.alloc');
  expect(largest!.peakRssBytes).toBeGreaterThan(2e8);
  expect(largest!.peakRssBytes).toBeLessThan(4e8);
  expect(reapedCpuMs(process.pid) - cpuBeforeMs).toBeGreaterThan(30);
});
