import { readFileSync } from 'node:fs';

/** A call of a run on its state file or its target, in the order in which the kernel has made them. */
export type TracedCall = { readonly file: 'state' | 'target' } & (
  { readonly kind: 'sync' } | { readonly kind: 'write'; readonly offsetBytes: number; readonly bytes: Buffer }
);

/** The command that records a run; the program to be recorded follows. Each write is recorded with all of its bytes. */
export function stateTraceCommand(logPath: string): string[] {
  const calls = 'pwrite64,pwritev,write,writev,fsync,fdatasync,fallocate,ftruncate';
  const options = ['-f', '-y', '-xx', '-s', '4194304', '-e', `trace=${calls}`, '-e', 'signal=none'];
  return ['env', 'UV_USE_IO_URING=0', 'strace', ...options, '-o', logPath];
}

export function readStateTrace(
  logPath: string,
  paths: { readonly state: string; readonly target: string },
): TracedCall[] {
  const calls: TracedCall[] = [];
  /** Calls that have begun: a write counts from its begin, because it may be on the disk, and a sync from its end. */
  const syncing = new Map<string, 'state' | 'target'>();
  for (const line of readFileSync(logPath, 'latin1').split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.startsWith('<... ')) {
      const file = syncing.get(thread);
      if (file !== undefined && rest.endsWith('= 0')) calls.push({ file, kind: 'sync' });
      syncing.delete(thread);
      continue;
    }
    const [, call, name] = /^(\w+)\(\d+<([^>]*)>/.exec(rest) ?? [];
    const file = fileOf(decode(name ?? ''), paths);
    if (file === undefined) continue;
    if (call === 'fsync' || call === 'fdatasync') {
      if (rest.includes('<unfinished')) syncing.set(thread, file);
      else if (rest.endsWith('= 0')) calls.push({ file, kind: 'sync' });
    } else {
      calls.push({ file, kind: 'write', ...writeOf(rest) });
    }
  }
  return calls;
}

function fileOf(name: string, paths: { state: string; target: string }): 'state' | 'target' | undefined {
  return name === paths.state ? 'state' : name === paths.target ? 'target' : undefined;
}

function writeOf(rest: string): { offsetBytes: number; bytes: Buffer } {
  const isVector = rest.startsWith('pwritev');
  const parts = isVector
    ? [...rest.matchAll(/iov_base="([^"]*)"/g)].map(([, text]) => text!)
    : [/"([^"]*)"/.exec(rest)![1]!];
  const offset = /(\d+)(\) += \d+| <unfinished ...>)/.exec(rest)?.[1];
  if (!rest.startsWith('pwrite') || offset === undefined)
    throw new Error(`a call that is not understood: ${rest.slice(0, 200)}`);
  return { offsetBytes: Number(offset), bytes: Buffer.concat(parts.map(bytesOf)) };
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(String.raw`\x`, ''), 'hex');
}

/** With `-xx`, strace writes names in the same way. */
function decode(name: string): string {
  return name.startsWith(String.raw`\x`) ? bytesOf(name).toString() : name;
}
