import packedBase64 from 'basyn:agent';
import { brotliDecompressSync } from 'node:zlib';

/** The agent's program as it travels: compressed with brotli, when Basyn was built. */
export function packedAgent(): Uint8Array {
  return Buffer.from(packedBase64, 'base64');
}

let text: string | undefined;

/** The agent's program as text: our own threads run it too. */
export function agentProgram(): string {
  return (text ??= brotliDecompressSync(packedAgent()).toString());
}
