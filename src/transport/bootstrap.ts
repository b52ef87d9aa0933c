import { assert } from '../errors.ts';
import { limits } from '../limits.ts';
import type { LaneMeeting } from '../protocol/schemas.ts';

/** The first word of the loader's hello: "BASYN 1 20.11.0" and a newline. */
export const bannerWord = 'BASYN';
export const oldestAgentNode = 18;

const lengthDigits = 8;
const portDigits = 5;

/**
 * The loaders, each a piece of remote shell after the command that starts node. They say hello, and read from
 * stdin what they are to do: nothing is installed, nothing is written to the disk, no secret is in a command line.
 *
 * They stand in single quotes, whatever shell reads them (sh, csh, fish): so they hold no quote of this kind, no
 * backslash, no exclamation mark and no newline. They are plain ES5, so that an old node can say how old it is.
 * Reading is synchronous and to the byte: what follows belongs to the conversation.
 */
const hello = [
  'var f=require("fs"),n=require("net"),p=process;',
  `f.writeSync(1,"${bannerWord} 1 "+p.versions.node+String.fromCharCode(10));`,
  `if(parseInt(p.versions.node)<${oldestAgentNode})p.exit(0);`,
  'function r(n){var b=Buffer.alloc(n),o=0,k;while(o<n){',
  'try{k=f.readSync(0,b,o,n-o,null)}catch(e){if(e.code==="EAGAIN"){',
  'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,2);continue}throw e}',
  'if(k===0)p.exit(0);o+=k}return b.toString("latin1")}',
].join('');

/** Runs the agent. Its own text stays at hand: its threads start from it too. */
const agentLoader = [
  hello,
  `globalThis.basynProgram=require("zlib").brotliDecompressSync(Buffer.from(r(parseInt(r(${lengthDigits}))),"latin1")).toString();`,
  'require("vm").runInThisContext("(function(require){"+basynProgram+String.fromCharCode(10)+"})",',
  '{filename:"basyn-agent.js"})(require)',
].join('');

/** Joins stdin and stdout to the agent that runs already, by a port and a token. */
const laneLoader = [
  hello,
  `var m=r(${portDigits + 64}),s=n.connect(parseInt(m.slice(0,${portDigits})),"127.0.0.1");`,
  `s.setNoDelay(true);s.write(m.slice(${portDigits}));`,
  'var i=new n.Socket({fd:0,readable:true,writable:false}),o=new n.Socket({fd:1,readable:false,writable:true});',
  'function e(){p.exit(0)}i.on("error",e);o.on("error",e);s.on("error",e);s.on("close",e);i.pipe(s);s.pipe(o)',
].join('');

/** The command for the remote shell that runs the agent. `nodeCommand` is a piece of shell of the person's own. */
export function agentCommand(nodeCommand: string): string {
  return `${nodeCommand} -e '${agentLoader}'`;
}

/** The command for the remote shell that adds a lane to a running agent. */
export function laneCommand(nodeCommand: string): string {
  return `${nodeCommand} -e '${laneLoader}'`;
}

/** What the lane loader waits for. */
export function laneGreeting({ port, token }: LaneMeeting): Uint8Array {
  return Buffer.from(String(port).padStart(portDigits, '0') + token);
}

/** What the agent loader waits for: the program, after its length in decimal digits. */
export function agentGreeting(packedAgent: Uint8Array): Uint8Array {
  assert(packedAgent.byteLength < limits.maxAgentBytes, `agent of ${packedAgent.byteLength} bytes`);
  return Buffer.concat([
    Buffer.from(String(packedAgent.byteLength).padStart(lengthDigits, '0')),
    packedAgent,
  ]);
}
