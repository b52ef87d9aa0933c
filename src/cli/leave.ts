import { builtinModules } from 'node:module';

/** What is used of it; the types of Node 20 have it only as a namespace. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Record<string, object>) => object;
};

/** Only newer versions of Node have it. */
interface WithExecve {
  readonly execve?: (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;
}

/**
 * Ends the process although a thread is in a system call that doesn't return. `process.exit` waits for every thread, and
 * would wait forever.
 */
export async function leave(exitCode: 2): Promise<void> {
  const { execve } = process as WithExecve;
  // Another program takes the place of this one, and the kernel ends all threads.
  if (execve !== undefined) execve.call(process, '/bin/sh', ['sh', '-c', `exit ${exitCode}`], process.env);
  // exit(3) waits for libuv's own threads, too. Only a signal ends them, and its status can't be chosen.
  if (isPoolBusy() || !hasWasi) process.kill(process.pid, 'SIGKILL');
  await exitByWasi();
}

/** Before node 18.17, only an option of node enables it. */
const hasWasi = builtinModules.includes('wasi');

function isPoolBusy(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
}

/** `proc_exit` of a WebAssembly program calls exit(3) itself, which does not wait for worker threads. */
async function exitByWasi(): Promise<void> {
  // It would be printed that WASI is experimental.
  process.removeAllListeners('warning');
  const { WASI } = await import('node:wasi');
  const wasi = new WASI({ version: 'preview1', returnOnExit: false });
  const program = new WebAssembly.Module(exitProgram);
  wasi.start(new WebAssembly.Instance(program, { wasi_snapshot_preview1: wasi.wasiImport }));
}

const section = (id: number, ...content: number[]): number[] => [id, content.length, ...content];
const name = (text: string): number[] => [text.length, ...Buffer.from(text)];

/** WebAssembly for `proc_exit(2)`, which stands in `_start`, with the memory that WASI insists on. */
const exitProgram = Uint8Array.from([
  ...[0, ...Buffer.from('asm'), 1, 0, 0, 0],
  // Types: 0 takes nothing, 1 takes an i32.
  ...section(1, 2, 0x60, 0, 0, 0x60, 1, 0x7f, 0),
  ...section(2, 1, ...name('wasi_snapshot_preview1'), ...name('proc_exit'), 0, 1),
  ...section(3, 1, 0),
  ...section(5, 1, 0, 1),
  ...section(7, 2, ...name('_start'), 0, 1, ...name('memory'), 2, 0),
  // i32.const 2, call 0, end.
  ...section(10, 1, 6, 0, 0x41, 2, 0x10, 0, 0x0b),
]);
