import { assert } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { bannerWord } from '../../protocol/banner.ts';

export const oldestAgentNode = 18;

const lengthDigits = 8;

/**
 * The loader, a piece of remote shell after the command that starts node. It says hello, reads the agent from its
 * stdin, and runs it: nothing is installed, nothing is written to the disk.
 *
 * It stands in single quotes, whatever shell reads it (sh, csh, fish): so it holds no quote of this kind, no
 * backslash, no exclamation mark and no newline. It is plain ES5, so that an old node can say how old it is.
 * Reading is synchronous and to the byte: what follows the agent belongs to the conversation. The text of the
 * agent's threads stays at hand.
 */
const loader = [
  'var f=require("fs"),p=process;',
  `f.writeSync(1,"${bannerWord} 1 "+p.versions.node+String.fromCharCode(10));`,
  `if(parseInt(p.versions.node)<${oldestAgentNode})p.exit(0);`,
  'function r(n){var b=Buffer.alloc(n),o=0,k;while(o<n){',
  'try{k=f.readSync(0,b,o,n-o,null)}catch(e){if(e.code==="EAGAIN"){',
  'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,2);continue}throw e}',
  'if(k===0)p.exit(0);o+=k}return b}',
  `var t=require("zlib").brotliDecompressSync(r(parseInt(r(${lengthDigits}).toString()))).toString();`,
  't=t.split(String.fromCharCode(0));globalThis.basynThreadProgram=t[1];',
  'require("vm").runInThisContext("(function(require){"+t[0]+String.fromCharCode(10)+"})",',
  '{filename:"basyn-agent.js"})(require)',
].join('');

/** The command for the remote shell that runs the agent. `nodeCommand` is a piece of shell of the person's own. */
export function agentCommand(nodeCommand: string): string {
  return `${nodeCommand} -e '${loader}'`;
}

/** What the loader waits for: the program, after its length in decimal digits. */
export function agentGreeting(packedAgent: Uint8Array): Uint8Array {
  assert(packedAgent.byteLength < limits.maxAgentBytes, `agent of ${packedAgent.byteLength} bytes`);
  return Buffer.concat([
    Buffer.from(String(packedAgent.byteLength).padStart(lengthDigits, '0')),
    packedAgent,
  ]);
}
