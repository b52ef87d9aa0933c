/** The version in package.json, put in by the build. */
declare const __BASYN_VERSION__: string;

/**
 * Two CommonJS programs, the agent (src/agent/main.ts) and its threads (src/workers/thread.ts), a NUL between
 * them: brotli-compressed, in base64.
 */
declare module 'basyn:agent' {
  const packedBase64: string;
  export default packedBase64;
}

/**
 * The WASM build of zstd, taken apart: the package itself reads its .wasm file from its own folder, which a
 * program that lives in one string has not got.
 */
declare module 'basyn:zstd' {
  /** The emscripten module. After `init(bytes)` it is ready when `onRuntimeInitialized` has been called. */
  export const Module: {
    init(wasm: Uint8Array): unknown;
    onRuntimeInitialized?: () => void;
    HEAPU8: Uint8Array;
    _malloc(byteLength: number): number;
    _free(pointer: number): void;
    _ZSTD_isError(result: number): number;
    _ZSTD_compressBound(byteLength: number): number;
    _ZSTD_compress(
      target: number,
      targetLength: number,
      source: number,
      sourceLength: number,
      level: number,
    ): number;
    _ZSTD_decompress(target: number, targetLength: number, source: number, sourceLength: number): number;
  };
  /** zstd.wasm, brotli-compressed, in base64. */
  export const wasmBrotliBase64: string;
}

/** wasm/xxh128.ts, compiled with SIMD and without, in base64. */
declare module 'basyn:xxh128' {
  export const simdBase64: string;
  export const scalarBase64: string;
}

/** The implementation that ours is compared with. A default import only: Node can't see the names in a minified UMD file. */
declare module 'hash-wasm/dist/xxhash128.umd.min.js' {
  import type { createXXHash128 } from 'hash-wasm';
  const module: { createXXHash128: typeof createXXHash128 };
  export default module;
}
