import { open, type FileHandle } from 'node:fs/promises';

/** What of a program or library is needed to run it. */
export interface ElfImage {
  /** As `uname -m` prints it. Undefined for one that has no name here. */
  readonly machine: string | undefined;
  /** Bytes up to the end of the last segment. Only linkers and debuggers read what follows. */
  readonly lengthBytes: number;
  /** The first bytes, without a reference to the table of sections, which is cut off. */
  readonly header: Buffer;
}

const headerBytes = 64;
const segmentBytes = 56;
const machines: Readonly<Record<number, string>> = {
  21: 'ppc64le',
  22: 's390x',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
};

/**
 * @returns undefined for a file that is not an ELF image of 64 bits.
 * @throws a system error, where it can't be read.
 */
export async function readElf(path: string): Promise<ElfImage | undefined> {
  const file = await open(path, 'r');
  try {
    const header = await bytesAt(file, 0, headerBytes);
    if (header.byteLength < headerBytes || header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2) {
      return undefined;
    }
    const { size } = await file.stat();
    // The names of big-endian machines have another byte order in this field; their files are sent as they are.
    if (header[5] !== 1) return { machine: machines[header.readUInt16BE(18)], lengthBytes: size, header };
    const machine = machines[header.readUInt16LE(18)];
    const lengthBytes = Math.min(size, await endOfSegments(file, header));
    return { machine, lengthBytes, header: withoutSections(header) };
  } finally {
    await file.close();
  }
}

/** Infinite for a file without a table of segments. */
async function endOfSegments(file: FileHandle, header: Buffer): Promise<number> {
  const tableAt = Number(header.readBigUInt64LE(0x20));
  const entryBytes = header.readUInt16LE(0x36);
  if (entryBytes < segmentBytes) return Infinity;
  const table = await bytesAt(file, tableAt, entryBytes * header.readUInt16LE(0x38));
  let end = tableAt + table.byteLength;
  for (let at = 0; at + entryBytes <= table.byteLength; at += entryBytes) {
    const offset = Number(table.readBigUInt64LE(at + 8));
    end = Math.max(end, offset + Number(table.readBigUInt64LE(at + 0x20)));
  }
  return end;
}

function withoutSections(header: Buffer): Buffer {
  const changed = Buffer.from(header);
  changed.writeBigUInt64LE(0n, 0x28); // e_shoff
  changed.writeUInt32LE(0, 0x3c); // e_shnum and e_shstrndx
  return changed;
}

/** Fewer bytes than asked for only at the end of the file. */
export async function bytesAt(file: FileHandle, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  let done = 0;
  while (done < lengthBytes) {
    const { bytesRead } = await file.read(bytes, done, lengthBytes - done, offsetBytes + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
