import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { executable } from './basyn.ts';
import { afterTest } from './clean-up.ts';
import { MiB, readMedium, targetDisk, writeMedium } from './disks.ts';
import { MappedDevice, tableOver } from './mapped-device.ts';
import { expectSynchronised } from './pair.ts';
import { sshdConfiguration, sshOptions } from './ssh.ts';
import { LoggedDevice } from './write-log.ts';

const sizeBytes = 10 * MiB;
const sourcePath = '/run/reboot-source';
const [output, trace, status] = ['/run/reboot-output', '/run/reboot-trace', '/run/reboot-status'];
/** What starts node on the host of the target. */
const agentNode = '/run/agent-node';
/** The first flush follows the opening of the target. Two checkpoints are then on the disk, and later data is not. */
const killAtFlush = '--inject=fsync:signal=SIGKILL:when=4';
const unreachable = `${sshdConfiguration}.away`;

/**
 * The host of the target loses its power in the middle of a run: its processes end, and what the disk had not flushed is
 * lost. When it is back, the run continues behind the last checkpoint, and ends with an equal target.
 */
export function survivesReboot(mode: 'COPY' | 'SYNC'): void {
  const source = randomBytes(sizeBytes);
  const targetAtFirst = randomBytes(sizeBytes);
  writeFileSync(sourcePath, source);
  writeMedium(targetDisk, 0, targetAtFirst);
  const before = new LoggedDevice('target', targetDisk, sizeBytes);
  const keeper = openSync(before.path, 'r');
  writeProgram(
    agentNode,
    `exec strace -f -o /run/trace -e trace=fsync -P ${before.path} ${killAtFlush} node "$@"`,
  );
  startRun(before.path, mode);
  waitUntil('the first attempt', () => said().includes('received opened'));
  // The host is away until its disk has lost what was not flushed.
  renameSync(sshdConfiguration, unreachable);
  waitUntil('the end of the agent', () => said().includes('Attempt 2 begins'));

  const medium = before.mediumAfterPowerCut(targetAtFirst);
  const [survivingBytes, writtenBytes] = [equalBytes(medium, source), sumOfWrites()];
  assert.ok(survivingBytes > 0, 'no checkpoint reached the medium');
  assert.ok(survivingBytes < writtenBytes, `all ${writtenBytes} bytes were flushed: nothing is lost`);
  // The last close writes the page cache to the device.
  before.become(tableOver(targetDisk, [{ offsetBytes: 0, lengthBytes: sizeBytes, kind: 'drops writes' }]));
  closeSync(keeper);
  before.remove();
  writeMedium(targetDisk, 0, medium);
  const healthy = { offsetBytes: 0, lengthBytes: sizeBytes, kind: 'healthy' } as const;
  new MappedDevice('target', tableOver(targetDisk, [healthy]));
  writeProgram(agentNode, 'exec node "$@"');
  renameSync(unreachable, sshdConfiguration);

  waitUntil('the end of the run', () => existsSync(status));
  assert.equal(readFileSync(status, 'utf8').trim(), '0', lastLines());
  const place = Number(/continues \w+ at offset (\d+)/.exec(said())?.[1]);
  assert.ok(place > 0 && place <= survivingBytes, `the run continued at ${place} of ${survivingBytes}`);
  expectSynchronised(readMedium(targetDisk, 0, sizeBytes), { source, targetAtFirst });
}

/** In the background: the functions of this file wait without letting other code run. */
function startRun(target: string, mode: string): void {
  for (const path of [output, trace, status]) rmSync(path, { force: true });
  const args = [
    ...[`--local=${sourcePath}`, `--remote=${target}`, '--action=PUSH', `--mode=${mode}`, '--lanes=1'],
    ...['--retries=30', '--retry-wait=4', '--bwlimit=4M', '--compress=none', '--debug'],
    ...[`--remote-node=${agentNode}`, ...sshOptions()],
  ];
  const command = `node "$@"; echo $? > ${status}.new; mv ${status}.new ${status}`;
  const child = spawn('sh', ['-c', command, 'sh', executable, ...args], {
    stdio: ['ignore', openSync(output, 'w'), openSync(trace, 'w')],
  });
  afterTest(() => {
    child.kill('SIGKILL');
    if (existsSync(unreachable)) renameSync(unreachable, sshdConfiguration);
  });
}

function waitUntil(what: string, isReached: () => boolean): void {
  const endMs = performance.now() + 120_000;
  const alarm = new Int32Array(new SharedArrayBuffer(4));
  while (!isReached()) {
    assert.ok(performance.now() < endMs, `waited in vain for ${what}: ${lastLines()}`);
    assert.ok(what === 'the end of the run' || !existsSync(status), `ended before ${what}: ${lastLines()}`);
    Atomics.wait(alarm, 0, 0, 30);
  }
}

function said(): string {
  return readFileSync(trace, 'utf8');
}

function lastLines(): string {
  return said().split('\n').slice(-20).join('\n');
}

/** Device bytes that the target has confirmed as written. */
function sumOfWrites(): number {
  const writes = said().matchAll(/received written, \d+ bytes: (\d+) device bytes/g);
  return [...writes].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

function writeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function equalBytes(a: Buffer, b: Buffer): number {
  const blockBytes = 4096;
  let bytes = 0;
  for (let at = 0; at < a.length; at += blockBytes) {
    if (a.subarray(at, at + blockBytes).equals(b.subarray(at, at + blockBytes))) bytes += blockBytes;
  }
  return bytes;
}
