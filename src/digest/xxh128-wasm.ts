import type { Xxh128Engine } from './xxh128.ts';

/** As much of it as is used here: TypeScript has it among the types for browsers only. */
declare const WebAssembly:
  | {
      validate(bytes: Uint8Array): boolean;
      Memory: new (pages: { initial: number }) => object;
      Module: new (bytes: Uint8Array) => object;
      Instance: new (module: object) => { readonly exports: object };
    }
  | undefined;

/** What wasm/xxh128.ts exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly area: { readonly value: number };
  readonly digest: { readonly value: number };
  readonly begin: () => void;
  readonly absorb: (lengthBytes: number) => void;
  readonly finish: (lengthBytes: number) => void;
}

const areaBytes = 64 * 1024;
const digestBytes = 16;

/** Whether this node can run WebAssembly. See {@link wasmEngine}. */
export function hasWasm(): boolean {
  return unlessRefused((wasm) => new wasm.Memory({ initial: 1 })) !== undefined;
}

/**
 * XXH128 in WebAssembly: 16 GB/s with SIMD and 8 GB/s without, of bytes in the processor's cache.
 *
 * @returns undefined where node runs without WebAssembly (`--jitless`), or where the address space that its memory reserves
 *   (some GiB) is over a limit (`ulimit -v`).
 */
export async function wasmEngine(): Promise<Xxh128Engine | undefined> {
  if (typeof WebAssembly === 'undefined') return undefined;
  const { simdBase64, scalarBase64 } = await import('basyn:xxh128');
  const simd = Buffer.from(simdBase64, 'base64');
  // Without SSE4.1, NEON or their like: old processors, and virtual machines that don't show what they have.
  return engineOf(WebAssembly.validate(simd) ? simd : Buffer.from(scalarBase64, 'base64'));
}

/** The engine of one of the two compiled programs, which this processor must be able to run. */
export function engineOf(wasm: Uint8Array): Xxh128Engine | undefined {
  const exports = instantiate(wasm);
  if (exports === undefined) return undefined;
  const { memory, area, digest, begin, absorb, finish } = exports;
  const result = new Uint8Array(memory.buffer, digest.value, digestBytes);
  return {
    area: new Uint8Array(memory.buffer, area.value, areaBytes),
    begin,
    absorb,
    finish: (lengthBytes) => {
      finish(lengthBytes);
      return result.slice();
    },
  };
}

function instantiate(program: Uint8Array): Exports | undefined {
  return unlessRefused((wasm) => new wasm.Instance(new wasm.Module(program)).exports as Exports);
}

function unlessRefused<T>(use: (wasm: NonNullable<typeof WebAssembly>) => T): T | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    return use(WebAssembly);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
