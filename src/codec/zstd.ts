import type { Zlib, ZlibReset } from 'node:zlib';
import { Scratch, transformOf } from './node-codec.ts';

/** zstd, of node from version 22.15 on, else of a WASM build. Both use the same format. */
export interface Zstd {
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /** The result is valid until the next call. Throws or returns too many bytes if the output exceeds `lengthBytes`. */
  decompress(bytes: Uint8Array, lengthBytes: number): Uint8Array;
}

let zstd: Promise<Zstd> | undefined;

/** The first call in a thread loads it. */
export function loadZstd(): Promise<Zstd> {
  return (zstd ??= load());
}

async function load(): Promise<Zstd> {
  const zlib = await import('node:zlib');
  return nativeZstd(zlib) ?? wasmZstd(zlib.brotliDecompressSync);
}

interface CompressOptions {
  readonly params: Record<number, number>;
  readonly pledgedSrcSize: number;
}

/** The part of the API of node that @types/node for the oldest supported node does not declare. */
interface ZlibWithZstd {
  readonly createZstdCompress?: (options: CompressOptions) => Zlib & ZlibReset & { close(): void };
  readonly createZstdDecompress?: () => Zlib & ZlibReset;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number; readonly ZSTD_e_end?: number };
}

/** The output may exceed the input by this number of bytes: a little more than `ZSTD_compressBound` returns. */
const leastOverheadBytes = 1024;

function nativeZstd(zlib: object): Zstd | undefined {
  const { createZstdCompress, createZstdDecompress, constants } = zlib as ZlibWithZstd;
  const { ZSTD_c_compressionLevel: levelKey, ZSTD_e_end: endFlag } = constants;
  if (createZstdCompress === undefined || createZstdDecompress === undefined) return undefined;
  if (levelKey === undefined || endFlag === undefined) return undefined;
  const decompress = transformOf(createZstdDecompress(), endFlag);
  if (decompress === undefined) return undefined;
  const plain = new Scratch();
  const packed = new Scratch();
  return {
    compress(bytes, level) {
      const { byteLength } = bytes;
      // With a known input size, zstd allocates smaller tables: 1 MiB instead of 11 MiB at level 9.
      const stream = createZstdCompress({ params: { [levelKey]: level }, pledgedSrcSize: byteLength });
      const output = packed.take(byteLength + Math.floor(byteLength / 128) + leastOverheadBytes);
      try {
        return output.slice(0, transformOf(stream, endFlag)!(bytes, output));
      } finally {
        stream.close();
      }
    },
    decompress(bytes, lengthBytes) {
      // One byte more, to detect output that is too long.
      const output = plain.take(lengthBytes + 1);
      return output.subarray(0, decompress(bytes, output));
    },
  };
}

async function wasmZstd(brotliDecompress: (bytes: Uint8Array) => Uint8Array): Promise<Zstd> {
  const { Module, wasmBrotliBase64 } = await import('basyn:zstd');
  await new Promise<void>((resolve) => {
    Module.onRuntimeInitialized = resolve;
    Module.init(brotliDecompress(Buffer.from(wasmBrotliBase64, 'base64')));
  });

  // The output memory is reused for all frames, because allocating new memory for each frame is expensive.
  let output = 0;
  let outputBytes = 0;

  function makeRoom(wantedBytes: number): void {
    if (wantedBytes <= outputBytes) return;
    Module._free(output);
    output = Module._malloc(wantedBytes);
    outputBytes = output === 0 ? 0 : wantedBytes;
  }

  /** Runs one call with `bytes` in the memory of the module. Returns a view of its output, valid until the next call. */
  function transform(
    bytes: Uint8Array,
    maxOutputBytes: number,
    call: (output: number, outputBytes: number, input: number, inputBytes: number) => number,
  ): Uint8Array {
    makeRoom(Math.max(1, maxOutputBytes));
    const input = Module._malloc(bytes.byteLength);
    try {
      if (input === 0 || output === 0) throw new Error('zstd: out of memory');
      Module.HEAPU8.set(bytes, input);
      const lengthBytes = call(output, maxOutputBytes, input, bytes.byteLength);
      if (Module._ZSTD_isError(lengthBytes) !== 0) throw new Error(`zstd: error ${lengthBytes}`);
      return Module.HEAPU8.subarray(output, output + lengthBytes);
    } finally {
      Module._free(input);
    }
  }

  return {
    compress: (bytes, level) =>
      transform(
        bytes,
        Module._ZSTD_compressBound(bytes.byteLength),
        (output, outputBytes, input, inputBytes) =>
          Module._ZSTD_compress(output, outputBytes, input, inputBytes, level),
      ).slice(),
    decompress: (bytes, lengthBytes) =>
      transform(bytes, lengthBytes, (output, outputBytes, input, inputBytes) =>
        Module._ZSTD_decompress(output, outputBytes, input, inputBytes),
      ),
  };
}
