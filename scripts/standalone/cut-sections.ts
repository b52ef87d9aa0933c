/** Offsets of fields in the header of a 64-bit ELF file. */
const header = {
  programHeaders: 32,
  sectionHeaders: 40,
  programHeaderBytes: 54,
  programHeaderCount: 56,
  sectionHeaderCount: 60,
  sectionNamesIndex: 62,
} as const;

/** Offsets of fields in a program header. */
const segment = { offset: 8, bytesInFile: 32 } as const;

const magic64LittleEndian = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/**
 * An executable without its sections: they serve linkers and debuggers only, and the kernel and the dynamic linker read
 * segments. What lies behind the last segment is removed, which is an eighth of node.
 *
 * @throws {Error} for a file that is no 64-bit little-endian ELF file, or is cut off.
 */
export function cutSections(elf: Buffer): Buffer {
  if (!elf.subarray(0, magic64LittleEndian.byteLength).equals(magic64LittleEndian)) {
    throw new Error('This is no 64-bit little-endian ELF file.');
  }
  const endBytes = endOfSegments(elf);
  if (endBytes > elf.byteLength) throw new Error('The file ends before its last segment.');
  const cut = Buffer.from(elf.subarray(0, endBytes));
  cut.writeBigUInt64LE(0n, header.sectionHeaders);
  cut.writeUInt16LE(0, header.sectionHeaderCount);
  cut.writeUInt16LE(0, header.sectionNamesIndex);
  return cut;
}

function endOfSegments(elf: Buffer): number {
  const firstAt = Number(elf.readBigUInt64LE(header.programHeaders));
  const eachBytes = elf.readUInt16LE(header.programHeaderBytes);
  const count = elf.readUInt16LE(header.programHeaderCount);
  const ends = Array.from({ length: count }, (_, index) => {
    const at = firstAt + index * eachBytes;
    return Number(elf.readBigUInt64LE(at + segment.offset) + elf.readBigUInt64LE(at + segment.bytesInFile));
  });
  return Math.max(firstAt + count * eachBytes, ...ends);
}
