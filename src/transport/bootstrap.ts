import { brotliCompressSync, constants } from 'node:zlib';
import { assert } from '../errors.ts';
import { limits } from '../limits.ts';

/** The first word of the loader's hello: "BASYN 1 20.11.0" and a newline. */
export const bannerWord = 'BASYN';
export const oldestAgentNode = 18;

const lengthDigits = 8;

/**
 * The loader, a piece of remote shell after the command that starts node. It says hello, reads the agent from
 * its stdin and runs it: nothing is installed, nothing is written to the disk.
 *
 * It stands in single quotes, whatever shell reads them (sh, csh, fish): so it holds no quote of this kind, no
 * backslash, no exclamation mark and no newline. It is plain ES5, so that an old node can say how old it is.
 * Reading is synchronous and to the byte: what follows the agent belongs to the conversation.
 */
const loader = [
  'var f=require("fs"),p=process;',
  `f.writeSync(1,"${bannerWord} 1 "+p.versions.node+String.fromCharCode(10));`,
  `if(parseInt(p.versions.node)<${oldestAgentNode})p.exit(0);`,
  'function r(n){var b=Buffer.alloc(n),o=0,k;while(o<n){',
  'try{k=f.readSync(0,b,o,n-o,null)}catch(e){if(e.code==="EAGAIN"){',
  'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,2);continue}throw e}',
  'if(k===0)p.exit(0);o+=k}return b}',
  `globalThis.basynProgram=require("zlib").brotliDecompressSync(r(parseInt(r(${lengthDigits}).toString()))).toString();`,
  'require("vm").runInThisContext("(function(require){"+basynProgram+String.fromCharCode(10)+"})",',
  '{filename:"basyn-agent.js"})(require)',
].join('');

/** The command for the remote shell. `nodeCommand` is a piece of shell of the person's own. */
export function remoteCommand(nodeCommand: string): string {
  return `${nodeCommand} -e '${loader}'`;
}

let packed: { readonly program: string; readonly bytes: Uint8Array } | undefined;

/** What goes to the loader's stdin, before the conversation. */
export function packAgent(program: string): Uint8Array {
  if (packed?.program !== program) packed = { program, bytes: pack(program) };
  return packed.bytes;
}

function pack(program: string): Uint8Array {
  // Quality 9 of 11: a tenth larger, and made in a twentieth of the time.
  const body = brotliCompressSync(program, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } });
  assert(body.byteLength < limits.maxAgentBytes, `agent of ${body.byteLength} bytes`);
  return Buffer.concat([Buffer.from(String(body.byteLength).padStart(lengthDigits, '0')), body]);
}
