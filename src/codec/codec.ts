import { BasynError } from '../errors.ts';
import { tuning } from '../limits.ts';
import type { CompressionSetting, Encoded, Encoding } from './encoding.ts';
import { zeroBytes } from '../zero.ts';
import { loadZlib } from './zlib.ts';
import { loadZstd } from './zstd.ts';

/** Any number of zero bytes. */
export const encodedZeros: Encoded = { encoding: 'zero', payload: new Uint8Array(0) };

const { worthwhileRatio, sampleBytes, sampleCount } = tuning.compression;

/**
 * Encodes bytes that are not all zero. Incompressible data is not encoded: the payload is then `bytes` itself.
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
 * Decodes the device bytes of a payload. The result is read-only and valid until the next call, which reuses its memory.
 *
 * @param lengthBytes the number of device bytes. No more memory than that is allocated.
 * @throws {BasynError} `protocol`, if the payload does not decode to exactly this number of bytes.
 */
export type Decoder = (payload: Uint8Array, lengthBytes: number) => Uint8Array;

/** Loads the decoder of an encoding. Decoding is synchronous, so that no other call reuses the memory too early. */
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
