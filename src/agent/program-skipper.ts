import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';

/**
 * Finds the end of the agent's program, which a local side sends first: its length in decimal digits, and its bytes. An
 * installed agent has no use for it. The bytes are counted, and nothing looks at them. Pure.
 */
export class ProgramSkipper {
  #digits = '';
  #lengthBytes: number | undefined;
  #skippedBytes = 0;

  /**
   * Takes the next bytes of the stream.
   *
   * @param onLength is called with the length of the program, when it has arrived.
   * @returns what follows the program, as soon as it is over. Undefined before that.
   * @throws {BasynError} `protocol`, where no local side of Basyn has sent the bytes.
   */
  push(bytes: Uint8Array, onLength: (lengthBytes: number) => void): Uint8Array | undefined {
    const rest = this.#lengthBytes === undefined ? this.#takeDigits(bytes, onLength) : bytes;
    if (this.#lengthBytes === undefined) return undefined;
    const skipped = Math.min(rest.byteLength, this.#lengthBytes - this.#skippedBytes);
    this.#skippedBytes += skipped;
    return this.#skippedBytes < this.#lengthBytes ? undefined : rest.subarray(skipped);
  }

  #takeDigits(bytes: Uint8Array, onLength: (lengthBytes: number) => void): Uint8Array {
    const part = bytes.subarray(0, bounds.agentLengthDigits - this.#digits.length);
    this.#digits += Buffer.from(part).toString('latin1');
    if (!/^\d*$/.test(this.#digits)) throw notBasyn();
    if (this.#digits.length < bounds.agentLengthDigits) return bytes.subarray(part.byteLength);
    const lengthBytes = Number(this.#digits);
    if (lengthBytes >= bounds.maxAgentBytes) throw notBasyn();
    this.#lengthBytes = lengthBytes;
    onLength(lengthBytes);
    return bytes.subarray(part.byteLength);
  }
}

function notBasyn(): BasynError {
  return new BasynError('protocol', 'This key is for Basyn only, and the client is not Basyn.');
}
