import { readFileSync } from 'node:fs';
import type { SshSettings } from './ssh-settings.ts';

/**
 * Prefers AES-GCM. OpenSSH prefers chacha20-poly1305, but on a processor with AES instructions, AES-GCM takes less than
 * half of the processor time (measured), and encryption is most of the work on a fast link. So this offers ssh's own
 * ciphers in another order, unless the user or the machine has configured ciphers.
 *
 * @returns options for ssh. None, where the order should not or cannot change.
 */
export function fasterCiphers({ actual, standard }: SshSettings): string[] {
  const offered = standard.get('ciphers');
  if (offered === undefined || actual.get('ciphers') !== offered || !hasAesInstructions()) return [];
  const ciphers = offered.split(',');
  const fast = ciphers.filter((cipher) => cipher.startsWith('aes') && cipher.includes('-gcm@'));
  if (fast.length === 0) return [];
  return [`Ciphers=${[...fast, ...ciphers.filter((cipher) => !fast.includes(cipher))].join()}`];
}

function hasAesInstructions(): boolean {
  try {
    return /^(flags|Features)\s*:.*\baes\b/m.test(readFileSync('/proc/cpuinfo', 'latin1'));
  } catch {
    // Unknown on another operating system. ssh's own order is good enough.
    return false;
  }
}
