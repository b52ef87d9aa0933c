import { describe, expect, test } from 'vitest';
import { aesGcmFirst, namesAesInstructions } from '../../src/transport/ciphers.ts';
import type { SshSettings } from '../../src/transport/ssh-settings.ts';

const standard = 'chacha20-poly1305@openssh.com,aes128-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com';

describe('the ciphers of a connection', () => {
  test('are those of ssh, AES-GCM first, if none are configured', () => {
    expect(aesGcmFirst(settings(standard, standard))).toEqual([
      'Ciphers=aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr',
    ]);
  });

  test.each<[string, string | undefined, string | undefined]>([
    ['the user has configured others', 'aes128-ctr', standard],
    ['the user has configured the same ones in another order', reversed(standard), standard],
    [
      'ssh has no AES-GCM',
      'chacha20-poly1305@openssh.com,aes128-ctr',
      'chacha20-poly1305@openssh.com,aes128-ctr',
    ],
    ['ssh does not say what it offers', undefined, undefined],
    ['only the configured ones are known', standard, undefined],
    ['only the standard ones are known', undefined, standard],
  ])('are not changed if %s', (_, actual, offered) => {
    expect(aesGcmFirst(settings(actual, offered))).toEqual([]);
  });
});

test.each([
  ['an x86 processor with them', 'processor\t: 0\nflags\t\t: fpu sse2 aes xsave\nbugs\t\t: none\n', true],
  ['an ARM processor with them', 'Features\t: fp asimd aes pmull\n', true],
  ['a processor without them', 'flags\t\t: fpu sse2 vaes xsave\n', false],
  ['another line that names them', 'flags\t\t: fpu\nmodel name\t: aes\n', false],
  ['no text', '', false],
])('AES instructions are detected from /proc/cpuinfo: %s', (_, cpuInfo, expected) => {
  expect(namesAesInstructions(cpuInfo)).toBe(expected);
});

function settings(actual: string | undefined, offered: string | undefined): SshSettings {
  return { actual: ciphersOf(actual), standard: ciphersOf(offered) };
}

function ciphersOf(ciphers: string | undefined): Map<string, string> {
  return new Map(ciphers === undefined ? [] : [['ciphers', ciphers]]);
}

function reversed(list: string): string {
  return list.split(',').reverse().join();
}
