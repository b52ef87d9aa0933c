import type * as Zlib from 'node:zlib';
import { BasynError } from '../errors.ts';
import type { CompressionSetting, Encoded, Encoding } from './encoding.ts';
import { isZero } from './zero.ts';
import { loadZstd } from './zstd.ts';

const nothing = new Uint8Array(0);

/**
 * Below this, a compressed sample says that the whole is worth compressing. Measured: what saves less than a
 * tenth costs the processors more than it spares any link that ssh fills.
 */
const worthwhileRatio = 0.9;
const sampleBytes = 8 * 1024;
const sampleCount = 4;

/** Encodes `bytes`; the result may be `bytes` itself. Data that doesn't compress is passed on as it is. */
export async function encode(bytes: Uint8Array, setting: CompressionSetting): Promise<Encoded> {
  if (isZero(bytes)) return { encoding: 'zero', payload: nothing };
  if (setting.encoding === 'none' || !(await seemsCompressible(bytes, setting.encoding))) {
    return { encoding: 'none', payload: bytes };
  }
  const payload = await compress(bytes, setting);
  if (payload.byteLength >= bytes.byteLength) return { encoding: 'none', payload: bytes };
  return { encoding: setting.encoding, payload };
}

/**
 * The device bytes behind a payload.
 *
 * @param lengthBytes how many they are; nothing longer is ever allocated.
 * @throws {BasynError} `protocol`, where the payload is not the encoding of exactly so many bytes.
 */
export async function decode({ encoding, payload }: Encoded, lengthBytes: number): Promise<Uint8Array> {
  const bytes = await decompress(encoding, payload, lengthBytes);
  if (bytes.byteLength !== lengthBytes) {
    throw new BasynError(
      'protocol',
      `A data frame holds ${bytes.byteLength} bytes where ${lengthBytes} were announced.`,
    );
  }
  return bytes;
}

let zlib: Promise<typeof Zlib> | undefined;

/** Once, and only where it is used. */
function loadZlib(): Promise<typeof Zlib> {
  return (zlib ??= import('node:zlib'));
}

async function seemsCompressible(bytes: Uint8Array, encoding: 'zlib' | 'zstd'): Promise<boolean> {
  if (bytes.byteLength <= sampleBytes * sampleCount) return true;
  const strideBytes = Math.floor((bytes.byteLength - sampleBytes) / (sampleCount - 1));
  let compressedBytes = 0;
  for (let index = 0; index < sampleCount; index++) {
    const sample = bytes.subarray(index * strideBytes, index * strideBytes + sampleBytes);
    compressedBytes += (await compress(sample, { encoding, level: 1 })).byteLength;
  }
  return compressedBytes < worthwhileRatio * sampleBytes * sampleCount;
}

async function compress(bytes: Uint8Array, { encoding, level }: CompressionSetting): Promise<Uint8Array> {
  if (encoding === 'zstd') return (await loadZstd()).compress(bytes, level);
  return (await loadZlib()).deflateSync(bytes, { level });
}

async function decompress(encoding: Encoding, payload: Uint8Array, lengthBytes: number): Promise<Uint8Array> {
  try {
    switch (encoding) {
      case 'zero':
        return new Uint8Array(lengthBytes);
      case 'none':
        return payload;
      case 'zlib':
        return (await loadZlib()).inflateSync(payload, { maxOutputLength: Math.max(1, lengthBytes) });
      case 'zstd':
        return (await loadZstd()).decompress(payload, lengthBytes);
    }
  } catch (error) {
    throw new BasynError(
      'protocol',
      `A data frame can't be decompressed (${encoding}).`,
      {},
      { cause: error },
    );
  }
}
