import type { Zlib, ZlibReset } from 'node:zlib';
import { Scratch, transformOf } from './node-codec.ts';

/** zstd, from node where it has it (22.15 on) and from a WASM build elsewhere: the same format from both. */
export interface Zstd {
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /** What it returns is good until the next call. Throws, or returns too much, where that would be longer than `lengthBytes`. */
  decompress(bytes: Uint8Array, lengthBytes: number): Uint8Array;
}

let zstd: Promise<Zstd> | undefined;

/** The first call loads it; a thread has one. */
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

/** The part of node's API that @types/node for our oldest node doesn't know yet. */
interface ZlibWithZstd {
  readonly createZstdCompress?: (options: CompressOptions) => Zlib & ZlibReset & { close(): void };
  readonly createZstdDecompress?: () => Zlib & ZlibReset;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number; readonly ZSTD_e_end?: number };
}

/** As much more may come out than goes in: a little more than `ZSTD_compressBound` says. */
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
      // Told how much comes, it makes no tables for more: 1 MiB instead of 11 MiB at level 9.
      const stream = createZstdCompress({ params: { [levelKey]: level }, pledgedSrcSize: byteLength });
      const output = packed.take(byteLength + Math.floor(byteLength / 128) + leastOverheadBytes);
      try {
        return output.slice(0, transformOf(stream, endFlag)!(bytes, output));
      } finally {
        stream.close();
      }
    },
    decompress(bytes, lengthBytes) {
      // One byte more, so that what is too long is seen to be.
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

  // Kept, so that what is decompressed can be read where it lies: new memory for each frame is dear.
  let output = 0;
  let outputBytes = 0;

  function makeRoom(wantedBytes: number): void {
    if (wantedBytes <= outputBytes) return;
    Module._free(output);
    output = Module._malloc(wantedBytes);
    outputBytes = output === 0 ? 0 : wantedBytes;
  }

  /** Runs one call with `bytes` in the module's memory. Returns a view of what it has put there, until the next call. */
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
