import type * as Zlib from 'node:zlib';
import { tuning } from '../limits.ts';
import { Scratch, transformOf, type Transform } from './node-codec.ts';

/** zlib, of node. */
export interface ZlibCodec {
  /** The result may be cut off if it is not shorter than `bytes`. */
  compress(bytes: Uint8Array, level: number): Uint8Array;
  /** The result is valid until the next call. Throws or returns too many bytes if the output exceeds `lengthBytes`. */
  decompress(bytes: Uint8Array, lengthBytes: number): Uint8Array;
}

/** The minimum of zlib (`Z_MIN_CHUNK`). */
const leastPieceBytes = 64;

let codec: Promise<ZlibCodec> | undefined;

/** The first call in a thread loads it. */
export function loadZlib(): Promise<ZlibCodec> {
  return (codec ??= import('node:zlib').then(codecOf));
}

function codecOf(zlib: typeof Zlib): ZlibCodec {
  const inflate = transformOf(zlib.createInflate(), zlib.constants.Z_FINISH);
  if (inflate === undefined) return publicCodec(zlib);
  const plain = new Scratch();
  const packed = new Scratch();
  const deflaters = new Map<number, { stream: Zlib.Deflate; deflate: Transform }>();

  function deflaterFor(level: number): Transform {
    let open = deflaters.get(level);
    if (open === undefined) {
      const [oldest] = deflaters;
      if (oldest !== undefined && deflaters.size === tuning.compression.openDeflaters) {
        oldest[1].stream.close();
        deflaters.delete(oldest[0]);
      }
      const stream = zlib.createDeflate({ level });
      open = { stream, deflate: transformOf(stream, zlib.constants.Z_FINISH)! };
      deflaters.set(level, open);
    }
    return open.deflate;
  }

  return {
    compress(bytes, level) {
      const output = packed.take(bytes.byteLength);
      return output.slice(0, deflaterFor(level)(bytes, output));
    },
    decompress(bytes, lengthBytes) {
      // One byte more, to detect output that is too long.
      const output = plain.take(lengthBytes + 1);
      return output.subarray(0, inflate(bytes, output));
    },
  };
}

function publicCodec({ deflateSync, inflateSync }: typeof Zlib): ZlibCodec {
  return {
    compress: (bytes, level) => deflateSync(bytes, { level }),
    // In one piece. The default pieces of 16 KiB take three times as long.
    decompress: (bytes, lengthBytes) =>
      inflateSync(bytes, {
        maxOutputLength: Math.max(1, lengthBytes),
        chunkSize: Math.max(leastPieceBytes, lengthBytes),
      }),
  };
}
