import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { tuning } from '../../limits.ts';
import { bytesAt } from './elf.ts';
import type { Runtime, RuntimeFile } from './runtime.ts';

const compress = promisify(gzip);

/** A member of gzip, which holds the next part of a file. `gzip -d` reads members one after the other as one. */
export interface PackedPiece {
  readonly name: string;
  readonly bytes: Buffer;
  /** Bytes of the file in it. */
  readonly lengthBytes: number;
}

interface Piece {
  readonly file: RuntimeFile;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** The files of a runtime, packed by node's threads a few pieces ahead of the reader. */
export async function* packedPieces({ files }: Runtime): AsyncGenerator<PackedPiece> {
  const ahead: Promise<PackedPiece>[] = [];
  for (const piece of files.flatMap(piecesOf)) {
    const packed = packedPiece(piece);
    // A reader that gives up does not await it.
    packed.catch(() => undefined);
    ahead.push(packed);
    if (ahead.length > tuning.runtime.piecesAhead) yield await ahead.shift()!;
  }
  for (const packed of ahead) yield await packed;
}

/** A digest of the files and their names, in hexadecimal. */
export async function digestOf({ files }: Runtime): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`${file.name} ${file.lengthBytes}\n`);
    for (const piece of piecesOf(file)) hash.update(await bytesOf(piece));
  }
  return hash.digest('hex');
}

function piecesOf(file: RuntimeFile): Piece[] {
  const { pieceBytes } = tuning.runtime;
  return Array.from({ length: Math.ceil(file.lengthBytes / pieceBytes) }, (_, index) => {
    const offsetBytes = index * pieceBytes;
    return { file, offsetBytes, lengthBytes: Math.min(pieceBytes, file.lengthBytes - offsetBytes) };
  });
}

async function packedPiece(piece: Piece): Promise<PackedPiece> {
  const bytes = await compress(await bytesOf(piece), { level: 1 });
  return { name: piece.file.name, bytes, lengthBytes: piece.lengthBytes };
}

async function bytesOf({ file: { path, header }, offsetBytes, lengthBytes }: Piece): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const bytes = await bytesAt(file, offsetBytes, lengthBytes);
    if (offsetBytes === 0) header.copy(bytes);
    return bytes;
  } finally {
    await file.close();
  }
}
