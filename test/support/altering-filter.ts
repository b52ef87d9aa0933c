/**
 * A filter that alters one bit of the third data frame that passes it: `node altering-filter.mjs PLACE`. The bytes
 * before the frames pass unchanged: the banner, or the length of the agent's program and this program.
 */
import { frameDigestBytes } from '../../src/digest/frame-digest.ts';
import { frameHeaderBytes } from '../../src/protocol/frame.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';

const dataHeadBytes = 4;
/** Which bit of a data frame, from its start. */
const places = {
  encoding: { at: frameHeaderBytes, bit: 0 },
  digest: { at: frameHeaderBytes + dataHeadBytes + 5, bit: 3 },
  // 4 KiB further: still within the device.
  extent: { at: frameHeaderBytes + dataHeadBytes + frameDigestBytes + 6, bit: 4 },
  payload: { at: frameHeaderBytes + dataHeadBytes + frameDigestBytes + 12 + 1000, bit: 7 },
  length: { at: 5, bit: 2 },
} as const;
export type AlteredPlace = keyof typeof places;

const { at, bit } = places[process.argv[2] as AlteredPlace];
let held = Buffer.alloc(0);
let isInFrames = false;
let dataFrames = 0;

process.stdin.on('data', (bytes: Buffer) => {
  held = Buffer.concat([held, bytes]);
  for (let partBytes = nextPart(); partBytes !== undefined; partBytes = nextPart()) {
    process.stdout.write(held.subarray(0, partBytes));
    held = held.subarray(partBytes);
  }
});
process.stdin.on('end', () => process.stdout.end(held));
process.stdout.on('error', () => process.exit(1));

/** Length of the first part, once all of it has arrived. */
function nextPart(): number | undefined {
  const partBytes = isInFrames ? frameBytes() : startBytes();
  if (partBytes === undefined || held.length < partBytes) return undefined;
  if (isInFrames && held[2] === typeNumbers.data && ++dataFrames === 3) held[at]! ^= 1 << bit;
  isInFrames = true;
  return partBytes;
}

function startBytes(): number | undefined {
  if (held.toString('latin1', 0, 5) === 'BASYN') {
    const end = held.indexOf('\n');
    return end < 0 ? undefined : end + 1;
  }
  return held.length < 8 ? undefined : 8 + Number(held.toString('latin1', 0, 8));
}

function frameBytes(): number | undefined {
  return held.length < frameHeaderBytes ? undefined : frameHeaderBytes + held.readUInt32BE(4);
}
