import packedBase64 from 'basyn:agent';
import { brotliDecompressSync } from 'node:zlib';

/** The agent and the program of its threads, as they travel: compressed with brotli, when Basyn was built. */
export function packedAgent(): Uint8Array {
  return Buffer.from(packedBase64, 'base64');
}

let text: string | undefined;

/** The program of a worker thread, ours as well as the agent's. */
export function threadProgram(): string {
  return (text ??= brotliDecompressSync(packedAgent()).toString().split('\0')[1]!);
}
