import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';

/** What the file starts, and how much is sent for it. */
export interface LauncherOptions {
  /** The program that runs in place of the file, with its arguments. A path on the host. */
  readonly program: string;
  /** Bytes without a use, which can't be compressed. */
  readonly paddingBytes?: number;
}

const headerBytes = 64;
const segmentBytes = 56;
const loadedAt = 0x400000n;

/**
 * Writes a program for Linux on x86_64, of a few hundred bytes, that runs another one in its place. A host that receives it
 * instead of a node, which is 90 MB, does everything else that it does with a node.
 */
export function writeLauncher(path: string, { program, paddingBytes = 0 }: LauncherOptions): void {
  const code = Buffer.concat([instructions, Buffer.from(`${program}\0`), randomBytes(paddingBytes)]);
  const file = Buffer.alloc(headerBytes + segmentBytes);
  const lengthBytes = BigInt(file.byteLength + code.byteLength);
  file.write('\u007fELF', 'latin1');
  file.set([2, 1, 1], 4); // 64 bits, little-endian, version 1
  file.writeUInt16LE(2, 0x10); // a program
  file.writeUInt16LE(62, 0x12); // for x86_64
  file.writeUInt32LE(1, 0x14);
  file.writeBigUInt64LE(loadedAt + BigInt(file.byteLength), 0x18); // its first instruction
  file.writeBigUInt64LE(BigInt(headerBytes), 0x20); // the table of segments
  file.writeUInt16LE(headerBytes, 0x34);
  file.writeUInt16LE(segmentBytes, 0x36);
  file.writeUInt16LE(1, 0x38);
  file.writeUInt32LE(1, headerBytes); // a segment that is loaded
  file.writeUInt32LE(5, headerBytes + 4); // to be read and executed
  file.writeBigUInt64LE(loadedAt, headerBytes + 0x10);
  file.writeBigUInt64LE(loadedAt, headerBytes + 0x18);
  file.writeBigUInt64LE(lengthBytes, headerBytes + 0x20);
  file.writeBigUInt64LE(lengthBytes, headerBytes + 0x28);
  file.writeBigUInt64LE(0x1000n, headerBytes + 0x30);
  writeFileSync(path, Buffer.concat([file, code]), { mode: 0o755 });
}

/** execve(the text behind the instructions, the arguments, the environment), or else exit(127). */
const instructions = Buffer.from(
  [
    '488b0c24', // mov rcx, [rsp]: the number of arguments
    '488d742408', // lea rsi, [rsp + 8]: the arguments
    '488d54ce08', // lea rdx, [rsi + rcx * 8 + 8]: the environment
    '488d3d13000000', // lea rdi, [rip + 19]: the text
    'b83b000000', // mov eax, 59: execve
    '0f05', // syscall
    'bf7f000000', // mov edi, 127
    'b83c000000', // mov eax, 60: exit
    '0f05', // syscall
  ].join(''),
  'hex',
);
