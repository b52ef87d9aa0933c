import { BasynError } from '../errors.ts';
import type { CompressionSetting, Encoded, Encoding } from './encoding.ts';
import { zeroBytes } from '../zero.ts';
import { loadZlib } from './zlib.ts';
import { loadZstd } from './zstd.ts';

/** Zero bytes, of any number. */
export const encodedZeros: Encoded = { encoding: 'zero', payload: new Uint8Array(0) };

/**
 * Below this, a compressed sample says that the whole is worth compressing. Measured: what saves less than a
 * tenth costs the processors more than it spares any link that ssh fills.
 */
const worthwhileRatio = 0.9;
const sampleBytes = 8 * 1024;
const sampleCount = 4;

/**
 * Encodes bytes that are not all zero; the result may be `bytes` itself. Data that doesn't compress is passed on as it
 * is.
 */
export async function encode(bytes: Uint8Array, setting: CompressionSetting): Promise<Encoded> {
  if (setting.encoding === 'none' || !(await seemsCompressible(bytes, setting.encoding))) {
    return { encoding: 'none', payload: bytes };
  }
  const payload = await compress(bytes, setting);
  if (payload.byteLength >= bytes.byteLength) return { encoding: 'none', payload: bytes };
  return { encoding: setting.encoding, payload };
}

/**
 * Finds the device bytes behind a payload. They are to be read only, and before anything else is decoded: their memory
 * is used again.
 *
 * @param lengthBytes how many they are; nothing longer is ever allocated.
 * @throws {BasynError} `protocol`, where the payload is not the encoding of exactly so many bytes.
 */
export type Decoder = (payload: Uint8Array, lengthBytes: number) => Uint8Array;

/** Decoding itself doesn't wait for anything, so that nobody else decodes before its bytes are read. */
export async function loadDecoder(encoding: Encoding): Promise<Decoder> {
  const decompress = await loadDecompress(encoding);
  return (payload, lengthBytes) => {
    const bytes = decompressed(decompress, encoding, payload, lengthBytes);
    if (bytes.byteLength !== lengthBytes) {
      throw new BasynError(
        'protocol',
        `A data frame contains ${bytes.byteLength} bytes instead of the announced ${lengthBytes}.`,
      );
    }
    return bytes;
  };
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
  return (await (encoding === 'zstd' ? loadZstd() : loadZlib())).compress(bytes, level);
}

type Decompress = (payload: Uint8Array, lengthBytes: number) => Uint8Array;

async function loadDecompress(encoding: Encoding): Promise<Decompress> {
  switch (encoding) {
    case 'zero':
      return (_payload, lengthBytes) => zeroBytes(lengthBytes);
    case 'none':
      return (payload) => payload;
    case 'zlib':
    case 'zstd': {
      const codec = await (encoding === 'zstd' ? loadZstd() : loadZlib());
      return (payload, lengthBytes) => codec.decompress(payload, lengthBytes);
    }
  }
}

function decompressed(
  decompress: Decompress,
  encoding: Encoding,
  payload: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  try {
    return decompress(payload, lengthBytes);
  } catch (error) {
    throw new BasynError(
      'protocol',
      `A data frame can't be decompressed (${encoding}).`,
      {},
      { cause: error },
    );
  }
}
