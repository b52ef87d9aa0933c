import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A device of this machine for the booted one, or another option of systemd-nspawn. */
export type BootOption = `--bind=${string}`;

const bootLimitMs = 300_000;

/**
 * Boots a root with systemd as a container of systemd-nspawn, runs a script in it as root, and turns it off. Its network is
 * its own, and has only the loopback device.
 *
 * @param script for bash.
 * @returns what the script has printed.
 */
export function runInBootedSystem(root: string, script: string, options: readonly BootOption[]): string {
  mkdirSync(join(root, 'script'));
  const prepared = 'exec > /script/output 2>&1; ip link set lo up';
  writeFileSync(join(root, 'script/run'), `${prepared}\n${script}\nsystemctl poweroff\n`);
  const unit = '[Service]\nExecStart=/bin/bash /script/run\n';
  writeFileSync(join(root, 'etc/systemd/system/script.service'), unit);
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants');
  mkdirSync(wants, { recursive: true });
  symlinkSync('../script.service', join(wants, 'script.service'));
  // Without a network, it would wait for one.
  const waiting = join(root, 'etc/systemd/system/systemd-networkd-wait-online.service');
  symlinkSync('/dev/null', waiting);
  const args = ['--register=no', '--keep-unit', '--private-network', '--boot', `--directory=${root}`];
  const output = (): string => readFileSync(join(root, 'script/output'), 'utf8');
  try {
    execFileSync('systemd-nspawn', [...args, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: bootLimitMs,
    });
  } catch (error) {
    throw new Error(`The system did not end by itself. It printed:\n${output()}`, { cause: error });
  }
  return output();
}
