import { hashNames, type HashName } from '../../digest/hash-names.ts';
import { bounds, defaults } from '../../limits.ts';
import type { CheckedEntry } from '../entry.ts';

const hashChoices = Object.fromEntries(hashNames.map((name) => [name, name])) as Record<HashName, HashName>;

/** How devices are compared and data is sent. */
export const transferOptions = {
  hash: {
    key: 'hash',
    scope: 'comparison',
    group: 'Comparison',
    value: { type: 'choice', choices: hashChoices },
    placeholder: 'NAME',
    default: 'SHA1',
    help: 'Hash function for the comparison over ssh.',
  },
  buffer: {
    key: 'bufferBytes',
    scope: 'comparison',
    group: 'Comparison',
    value: { type: 'size', leastBytes: bounds.minBufferBytes, mostBytes: bounds.maxBufferBytes },
    placeholder: 'KB',
    default: defaults.bufferBytes,
    help: 'Buffer in kilobytes.',
    details: 'One digest covers one buffer. With `--changed`, the default is 64.',
  },
  chunk: {
    key: 'chunkBytes',
    scope: 'comparison',
    group: 'Comparison',
    value: {
      type: 'size',
      leastBytes: bounds.minBufferBytes,
      mostBytes: bounds.maxBufferBytes,
      mostName: 'the buffer',
    },
    placeholder: 'KB',
    otherwise: `chosen during the run, at least ${bounds.finestChunkBytes / 1024}`,
    help: 'Chunk in kilobytes: what is sent if a buffer differs.',
    details: 'A buffer that differs is split into chunks, and only those that differ are sent.',
  },
  cache: {
    key: 'cache',
    scope: 'transfer',
    group: 'Comparison',
    value: { type: 'flag' },
    default: false,
    help: 'Let large devices use the page cache.',
    details:
      'Without it, SYNC compares a source that is larger than a quarter of the memory past the page cache. What is read ' +
      'and written of a large source or target through the page cache is released again and again.',
  },
  'read-limit': {
    key: 'readBytesPerSecond',
    scope: 'comparison',
    group: 'Comparison',
    value: { type: 'rate', leastBytes: bounds.minBytesPerSecond, mostBytes: bounds.maxBytesPerSecond },
    placeholder: 'RATE',
    otherwise: 'as fast as the devices are',
    help: 'Most kilobytes per second that are read of each device, such as `50M`.',
    details: 'The two devices count separately, on whichever host they are.',
  },
  compress: {
    key: 'compress',
    scope: 'transfer',
    group: 'Transfer',
    value: { type: 'choice', choices: { zstd: 'zstd', zlib: 'zlib', none: 'none' } },
    placeholder: 'NAME',
    otherwise: '`zstd`, or `none` if that is faster; with `--zlevel`, `zlib`',
    help: 'Compression over ssh.',
  },
  zlevel: {
    key: 'zlevel',
    scope: 'transfer',
    group: 'Transfer',
    value: { type: 'integer', least: 0, most: 9 },
    placeholder: 'LEVEL',
    otherwise: 'chosen during the run',
    help: 'Level of compression: 0 (none) saves processor time, 9 saves traffic.',
    details: 'Without `--compress`, it is the level of zlib.',
  },
  lanes: {
    key: 'lanes',
    scope: 'transfer',
    group: 'Transfer',
    value: { type: 'integer', least: 1, most: bounds.maxLanes },
    placeholder: 'N',
    default: defaults.lanes,
    help: 'Most ssh connections that carry data if the round trip is long.',
    details: 'If it is short, one connection carries all data.',
  },
} as const satisfies Record<string, CheckedEntry>;
