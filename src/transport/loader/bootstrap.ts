import { assert } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { bannerWord } from '../../protocol/banner.ts';
import { hostCommand, statusOfOldNode } from './host-script.ts';

export const oldestAgentNode = 18;

/** Where a loader runs, which decides what it does before it prints the banner. */
type Start =
  /** By a command of the user. A node that is too old prints the banner as well, which has its version. */
  | 'by command'
  /** By the script of {@link hostCommand}, which goes on if node is too old. */
  | 'by script';

const beginnings: Readonly<Record<Start, string>> = {
  'by command': `${banner()}${ifTooOld('p.exit(0)')}`,
  // A runtime that was sent is deleted as soon as it runs. Its directory is the last argument.
  'by script':
    ifTooOld(`p.exit(${statusOfOldNode})`) +
    'var d=p.argv[p.argv.length-1];if(/.basyn-[0-9a-f]{32}-[0-9]+-[0-9]*$/.test(d))f.rmSync(d,{recursive:true,force:true});' +
    banner(),
};

/**
 * The loader program, an argument of the command that starts node. It prints the banner, reads the agent from its stdin,
 * and runs it. Nothing is installed, and nothing is written to the disk.
 *
 * Any shell reads it in single quotes (sh, csh, fish). So it contains no single quote, backslash, exclamation mark or
 * newline. It is plain ES5, so that an old node can report its version.
 * Its first statement keeps node from opening its debugger on a port of the host when it receives SIGUSR1.
 * It reads synchronously, and not one byte too many: what follows the agent belongs to the conversation. It keeps the
 * program of the agent's threads for the agent.
 */
const loaderOf = (start: Start): string =>
  'var f=require("fs"),p=process;p.on("SIGUSR1",function(){});' + beginnings[start] + loaderEnd;

const loaderEnd = [
  'function r(n){var b=Buffer.alloc(n),o=0,k;while(o<n){',
  'try{k=f.readSync(0,b,o,n-o,null)}catch(e){if(e.code==="EAGAIN"){',
  'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,2);continue}throw e}',
  'if(k===0)p.exit(0);o+=k}return b}',
  `var t=require("zlib").brotliDecompressSync(r(parseInt(r(${bounds.agentLengthDigits}).toString()))).toString();`,
  't=t.split(String.fromCharCode(0));globalThis.basynThreadProgram=t[1];',
  'require("vm").runInThisContext("(function(require){"+t[0]+String.fromCharCode(10)+"})",',
  '{filename:"basyn-agent.js"})(require)',
].join('');

/** The command for the remote shell that runs the agent. `nodeCommand` is a piece of shell that the user chose. */
export function agentCommand(nodeCommand: string): string {
  return `${nodeCommand} -e '${loaderOf('by command')}'`;
}

/**
 * The command for the remote shell that runs the agent with the node of the host, or else with one that is sent.
 *
 * @param sudo goes before each command that starts node: empty, or a command with a blank behind it.
 */
export function anyHostCommand(packageBytes: number, sudo: string): string {
  return hostCommand(loaderOf('by script'), packageBytes, sudo);
}

function banner(): string {
  return `f.writeSync(1,"${bannerWord} 1 "+p.versions.node+String.fromCharCode(10));`;
}

function ifTooOld(statement: string): string {
  return `if(parseInt(p.versions.node)<${oldestAgentNode})${statement};`;
}

/** What the loader program reads: the packed agent, after its length in decimal digits. */
export function agentPackage(packedAgent: Uint8Array): Uint8Array {
  assert(packedAgent.byteLength < bounds.maxAgentBytes, `agent of ${packedAgent.byteLength} bytes`);
  return Buffer.concat([
    Buffer.from(String(packedAgent.byteLength).padStart(bounds.agentLengthDigits, '0')),
    packedAgent,
  ]);
}
