/** A set of buffers of a device: one bit for each. */
export class BufferSet {
  private readonly bits: Uint8Array;
  readonly bufferCount: number;

  constructor(bufferCount: number) {
    this.bufferCount = bufferCount;
    this.bits = new Uint8Array(Math.ceil(bufferCount / 8));
  }

  has(index: number): boolean {
    return (this.bits[Math.floor(index / 8)]! & (1 << (index % 8))) !== 0;
  }

  add(index: number): void {
    this.bits[Math.floor(index / 8)]! |= 1 << (index % 8);
  }

  delete(index: number): void {
    this.bits[Math.floor(index / 8)]! &= ~(1 << (index % 8));
  }

  addAll(): void {
    this.bits.fill(0xff);
  }

  /** Removes every buffer that is not in the other set, which has the same size. */
  retain({ bits: other }: BufferSet): void {
    this.bits.forEach((byte, position) => (this.bits[position] = byte & other[position]!));
  }

  /** The same set of another number of buffers. Those that are added are not in it. */
  resized(bufferCount: number): BufferSet {
    const set = new BufferSet(bufferCount);
    set.bits.set(this.bits.subarray(0, set.bits.length));
    for (let index = this.bufferCount; index < Math.min(bufferCount, this.bits.length * 8); index++)
      set.delete(index);
    return set;
  }

  clear(): void {
    this.bits.fill(0);
  }

  /** Its buffers in ascending order, as runs without a gap. */
  *runs(): Generator<{ readonly firstBuffer: number; readonly bufferCount: number }, void> {
    let first: number | undefined;
    for (let index = 0; index < this.bufferCount; index++) {
      const byte = this.bits[index >>> 3]!;
      const isUniform = (index & 7) === 0 && (byte === 0 || byte === 0xff);
      if (isUniform ? byte !== 0 : this.has(index)) first ??= index;
      else if (first !== undefined) {
        yield { firstBuffer: first, bufferCount: index - first };
        first = undefined;
      }
      if (isUniform) index += 7;
    }
    if (first !== undefined) yield { firstBuffer: first, bufferCount: this.bufferCount - first };
  }
}
