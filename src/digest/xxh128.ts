import type { RunningDigest } from './hash.ts';

/** One implementation of XXH3 with 128 bits, seed 0, in its canonical (big-endian) form. */
export interface Xxh128Engine {
  /** Where the input goes. Its length is a multiple of 1024 bytes. */
  readonly area: Uint8Array;
  begin(): void;
  /** Takes the whole area, when it is full and there is more to come. */
  absorb(lengthBytes: number): void;
  /** Takes the last `lengthBytes` of the area: none only where there were none at all. */
  finish(lengthBytes: number): Uint8Array;
}

/** One state: a digest is ended before the next one begins. */
export interface Xxh128 {
  begin(): RunningDigest;
  digestOne(bytes: Uint8Array): Uint8Array;
}

/** The fastest that this node has. Each call gives a state of its own; all of them compute the same. */
export async function loadXxh128(): Promise<Xxh128> {
  const { wasmEngine } = await import('./xxh128-wasm.ts');
  const engine = await wasmEngine();
  if (engine !== undefined) return xxh128Of(engine);
  const { plainEngine } = await import('./xxh128-plain.ts');
  return xxh128Of(plainEngine());
}

export function xxh128Of(engine: Xxh128Engine): Xxh128 {
  const { area } = engine;
  const areaBytes = area.byteLength;
  let filledBytes = 0;

  /** Copies, because neither a device's reads nor other threads can use an engine's memory. */
  function update(part: Uint8Array): void {
    const { byteLength } = part;
    let atBytes = 0;
    while (atBytes < byteLength) {
      if (filledBytes === areaBytes) {
        engine.absorb(areaBytes);
        filledBytes = 0;
      }
      const takenBytes = Math.min(byteLength - atBytes, areaBytes - filledBytes);
      const isWhole = takenBytes === byteLength;
      area.set(isWhole ? part : part.subarray(atBytes, atBytes + takenBytes), filledBytes);
      filledBytes += takenBytes;
      atBytes += takenBytes;
    }
  }

  const running: RunningDigest = { update, digest: () => engine.finish(filledBytes) };
  const begin = (): RunningDigest => {
    engine.begin();
    filledBytes = 0;
    return running;
  };
  const digestOne = (bytes: Uint8Array): Uint8Array => {
    begin();
    update(bytes);
    return running.digest();
  };
  return { begin, digestOne };
}
