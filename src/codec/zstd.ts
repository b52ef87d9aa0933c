/** zstd, from node where it has it (22.15 on) and from a WASM build elsewhere: the same format from both. */
export interface Zstd {
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /** What it returns is good until the next call. Throws where that would be longer than `lengthBytes`. */
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

/** The part of node's API that @types/node for our oldest node doesn't know yet. */
interface ZlibWithZstd {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: { params: Record<number, number> }) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

function nativeZstd(zlib: object): Zstd | undefined {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as ZlibWithZstd;
  const levelKey = constants.ZSTD_c_compressionLevel;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined || levelKey === undefined)
    return undefined;
  return {
    compress: (bytes, level) => zstdCompressSync(bytes, { params: { [levelKey]: level } }),
    decompress: (bytes, lengthBytes) =>
      zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, lengthBytes) }),
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
