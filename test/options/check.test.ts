import { describe, expect, it } from 'vitest';
import { BasynError } from '../../src/errors.ts';
import { checkOptions } from '../../src/options/check.ts';
import { withDefaults } from '../../src/options/defaults.ts';
import type { RunKind } from '../../src/options/entry.ts';
import { optionEntries } from '../../src/options/table.ts';
import type { SyncOptions } from '../../src/options/types.ts';

const transfer = { local: '/a', remote: '/b', action: 'push', mode: 'sync' } as const;
const overSsh = { ...transfer, host: 'backup' };
const runKinds: readonly RunKind[] = ['sync', 'recheck', 'inspect'];

/** The message of the `usage` error that a call with these options ends with. */
function refusal(kind: RunKind, options: unknown): string {
  try {
    checkOptions(kind, options);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(BasynError);
    expect(thrown).toMatchObject({ code: 'usage' });
    return (thrown as BasynError).message;
  }
  return expect.fail('it was accepted');
}

describe.each(runKinds)('%s refuses', (kind) => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['/a', '"/a"'],
    [1, '1'],
    [[], 'an array'],
    [() => transfer, 'a function'],
  ])('options that are not an object: %s', (options, shown) => {
    expect(refusal(kind, options)).toBe(`The options must be an object, not ${shown}.`);
  });

  it('an empty object, and names the missing option', () => {
    expect(refusal(kind, {})).toBe("local is missing: name the local device with local: 'PATH'.");
    expect(refusal(kind, { local: '/a' })).toMatch(/^remote is missing: /);
  });

  it('an unknown key, and suggests a similar one', () => {
    const message = refusal(kind, { ...transfer, buffer: 4096 });
    expect(message).toBe('Unknown option "buffer": did you mean bufferBytes?');
    expect(refusal(kind, { ...transfer, onevent: () => 0 })).toMatch(/did you mean onEvent\?$/);
    expect(refusal(kind, { ...transfer, verbose: true })).toMatch(
      /^Unknown option "verbose": known are local, /,
    );
    expect(refusal(kind, JSON.parse('{"local":"/a","remote":"/b","__proto__":{}}'))).toMatch(/"__proto__"/);
  });
});

it.each([
  ['action', 'action is missing: choose one of push, pop.'],
  ['mode', 'mode is missing: choose one of sync, copy.'],
])('sync requires %s', (key, message) => {
  expect(refusal('sync', { ...transfer, [key]: undefined })).toBe(message);
});

describe('a value of the wrong type or out of its range is refused, with the name of its key:', () => {
  const never = [null, 5, 0, -1, NaN, Infinity, 1.5, '', 'yes', true, {}, [], [1], () => 1, Symbol('x'), 5n];
  const wrong: Partial<Record<keyof SyncOptions, readonly unknown[]>> = {
    local: never.filter((value) => value !== 'yes'),
    remote: never.filter((value) => value !== 'yes'),
    host: never.filter((value) => value !== 'yes'),
    user: never.filter((value) => value !== 'yes'),
    remoteNode: never.filter((value) => value !== 'yes'),
    remoteRuntime: never.filter((value) => value !== 'yes'),
    remoteKeep: never.filter((value) => value !== true),
    remoteSudo: never.filter((value) => value !== true),
    port: [...never.filter((value) => value !== 5), 65_536, '22'],
    timeoutMs: [...never, 999, 86_400_001, '60000'],
    retries: [...never.filter((value) => value !== 5 && value !== 0), 1_000_001, '3'],
    retryWaitMs: [...never, 999, 86_400_001, '60000'],
    bandwidthBytesPerSecond: [...never, 1023, 2 ** 40 + 1, '10M'],
    cache: never.filter((value) => value !== true),
    readBytesPerSecond: [...never, 1023, 2 ** 40 + 1, '10M'],
    hash: [...never, 'sha1', 'CRC32'],
    bufferBytes: [...never, 1023, 2 ** 30 + 1, '8M'],
    chunkBytes: [...never, 1023, 2 ** 30 + 1],
    compress: [...never, 'ZSTD', 'gzip'],
    zlevel: [...never.filter((value) => value !== 5 && value !== 0), 10],
    lanes: [...never.filter((value) => value !== 5), 17],
    action: [...never, 'PUSH', 'pull'],
    mode: [...never, 'SYNC'],
    recheck: never.filter((value) => value !== true),
    create: never.filter((value) => value !== true),
    grow: never.filter((value) => value !== true),
    skipReadErrors: never.filter((value) => value !== true),
    snapshot: [...never.filter((value) => value !== true), 2 ** 20 - 1, 2 ** 50 + 1, '10G'],
    bitmap: never.filter((value) => value !== 'yes'),
    updateBitmap: never.filter((value) => value !== true),
    resetBitmap: never.filter((value) => value !== true),
    trustTarget: never.filter((value) => value !== true),
    scrubPercent: [...never.filter((value) => value !== 5 && value !== 1), 101],
    force: never.filter((value) => value !== true),
    sparse: [...never, 'AUTO', 'sometimes'],
    discard: never.filter((value) => value !== true),
    dryRun: never.filter((value) => value !== true),
    changed: never.filter((value) => value !== 'yes'),
    changedBlockBytes: [...never, 511, 2 ** 30 + 1, '64K'],
    sampleBytes: [...never.filter((value) => value !== 5 && value !== 0), 2 ** 40 + 1, '64M'],
    sshOptions: [
      ...never.filter((value) => !Array.isArray(value)),
      [1],
      [''],
      ['A=b', undefined],
      new Array(1),
    ],
    onEvent: never.filter((value) => typeof value !== 'function'),
    onExtent: never.filter((value) => typeof value !== 'function'),
    debug: never.filter((value) => typeof value !== 'boolean'),
    signal: never,
  };

  it('every option of the table is among them', () => {
    const keys = optionEntries.flatMap(([, { key }]) => (key === undefined ? [] : [key]));
    expect(Object.keys(wrong).sort()).toEqual([...keys, 'onEvent', 'onExtent', 'debug', 'signal'].sort());
  });

  it.each(Object.entries(wrong))('%s', (key, values) => {
    for (const value of values) {
      for (const kind of runKinds) {
        expect(refusal(kind, { ...overSsh, [key]: value }), String(value)).toMatch(new RegExp(`^${key}: `));
      }
    }
  });

  it.each([
    ['bufferBytes', 1, 'bufferBytes: must be a whole number from 1024 to 1073741824, not 1.'],
    ['zlevel', NaN, 'zlevel: must be a whole number from 0 to 9, not NaN.'],
    ['hash', 'sha1', /^hash: unknown name "sha1"; known are SHA1, SHA224, /],
    ['local', '', 'local: the path is empty.'],
    ['local', 'a\0b', 'local: the path holds a NUL character.'],
    ['local', '\ud800', /^local: the path is not valid UTF-8; /],
    ['local', `/${'ä'.repeat(2048)}`, 'local: the path is longer than 4096 bytes.'],
    ['remoteNode', 'node\0', 'remoteNode: holds a NUL character.'],
    ['sshOptions', ['A=b', 5], 'sshOptions: the element at index 1: must be a string, not 5.'],
    ['create', 'x'.repeat(1000), /^create: must be true or false, not "x{99}…\.$/],
    ['snapshot', 5, /^snapshot: must be true, false or a whole number from 1048576 to \d+, not 5\.$/],
    ['signal', {}, 'signal: must be an AbortSignal, not an object.'],
  ])('%s, and states what is wrong with it', (key, value, message) => {
    const actual = refusal('sync', { ...overSsh, [key]: value });
    if (typeof message === 'string') expect(actual).toBe(message);
    else expect(actual).toMatch(message);
  });
});

describe('options that contradict each other are named as the library names them', () => {
  it.each([
    [{ port: 22 }, 'port needs host: without a host, both devices are on this machine.'],
    [{ user: 'root' }, /^user needs host/],
    [{ sshOptions: ['A=b'] }, /^sshOptions needs host/],
    [
      { chunkBytes: 4096, bufferBytes: 2048 },
      /larger than the buffer \(2 KiB\): lower chunkBytes or raise bufferBytes\.$/,
    ],
    [{ compress: 'none', zlevel: 1 }, /^compress: 'none' and zlevel contradict each other/],
    [{ host: 'me@backup:22' }, /: write host: 'backup', user: 'me', port: 22\.$/],
    [{ host: 'me@backup', user: 'you' }, /^user: 'you' and host: 'me@backup' name two users/],
    [{ host: 'backup', user: '-F' }, /^user: "-F" is not a user name/],
  ])('%j', (options, message) => {
    const actual = refusal('sync', { ...transfer, ...options });
    if (typeof message === 'string') expect(actual).toBe(message);
    else expect(actual).toMatch(message);
    expect(actual).not.toContain('--');
  });
});

describe('accepted options', () => {
  it('may be undefined, which means the same as omitted', () => {
    const options: SyncOptions = {
      ...transfer,
      host: undefined,
      port: undefined,
      sshOptions: undefined,
      create: undefined,
      signal: undefined,
      onEvent: undefined,
    };
    expect(checkOptions('sync', options)).toStrictEqual(transfer);
  });

  it('are copied: what the caller changes later has no effect', () => {
    const options = { ...overSsh, sshOptions: ['A=b'] };
    const checked = checkOptions('sync', options);
    options.sshOptions.push('C=d');
    options.local = '/c' as never;
    expect(checked).toStrictEqual({ ...overSsh, sshOptions: ['A=b'] });
  });

  it('may be inherited from a prototype, as in an instance of a class', () => {
    const options = Object.create({ ...transfer, force: true }) as SyncOptions;
    expect(checkOptions('sync', options)).toStrictEqual({ ...transfer, force: true });
  });

  it('of another kind of run are omitted', () => {
    const { signal } = new AbortController();
    const options = { ...overSsh, create: true, hash: 'MD5', lanes: 2, signal };
    const { local, remote, host } = overSsh;
    expect(checkOptions('recheck', options)).toStrictEqual({
      ...{ local, remote, host, action: 'push', hash: 'MD5' },
      signal,
    });
    expect(checkOptions('inspect', options)).toStrictEqual({ local, remote, host, signal });
  });

  it('have a smaller buffer with a list of changes, unless one is given', () => {
    const bufferOf = (options: object): number =>
      withDefaults(checkOptions('sync', { ...transfer, ...options })).bufferBytes;
    expect(bufferOf({ changed: 'list' })).toBe(64 * 1024);
    expect(bufferOf({ changed: 'list', bufferBytes: 8192 })).toBe(8192);
    expect(bufferOf({ changed: undefined })).toBe(2 * 1024 * 1024);
    expect(refusal('sync', { ...transfer, changed: 'list', chunkBytes: 131_072 })).toContain('(64 KiB)');
  });

  it('have the defaults of the table if they are omitted', () => {
    expect(withDefaults(checkOptions('sync', { ...transfer, lanes: 1 }))).toStrictEqual({
      ...transfer,
      recheck: false,
      create: false,
      grow: false,
      skipReadErrors: false,
      force: false,
      sparse: 'auto',
      discard: false,
      dryRun: false,
      sampleBytes: 64 * 1024 * 1024,
      cache: false,
      updateBitmap: false,
      resetBitmap: false,
      trustTarget: false,
      hash: 'SHA1',
      bufferBytes: 2 * 1024 * 1024,
      lanes: 1,
      remoteKeep: false,
      remoteSudo: false,
      timeoutMs: 60_000,
      retries: 0,
      retryWaitMs: 60_000,
    });
  });
});
