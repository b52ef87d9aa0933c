import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { BasynError, systemReason } from '../../errors.ts';
import { readElf, type ElfImage } from './elf.ts';

/** A file of a runtime, as it is sent. */
export interface RuntimeFile extends ElfImage {
  /** Its name on the host: a plain word. */
  readonly name: string;
  readonly path: string;
}

/** What is sent to a host that has no node: a program that runs JavaScript, and what it needs to start there. */
export interface Runtime {
  /** For messages: "node 20.20.2". */
  readonly label: string;
  /** As `uname -m` prints it there. */
  readonly machine: string;
  /** The program is the last one, and named `node`. A dynamic linker among them is named `ld`. */
  readonly files: readonly RuntimeFile[];
  /** Bytes of all files. */
  readonly sizeBytes: number;
}

/** Where a runtime comes from. */
export type RuntimeSource =
  { readonly kind: 'this process' } | { readonly kind: 'file'; readonly path: string };

/** @throws {BasynError} `connection`, where there is no runtime that can be sent. The message is half a sentence. */
export async function loadRuntime(source: RuntimeSource): Promise<Runtime> {
  return source.kind === 'file' ? runtimeOfFile(source.path) : runtimeOfThisProcess();
}

/**
 * The program that this process runs on: node, or a standalone executable. The shared objects that it has loaded go with it,
 * its dynamic linker among them, so that it needs nothing of the host but its kernel.
 */
async function runtimeOfThisProcess(): Promise<Runtime> {
  if (process.platform !== 'linux') {
    throw notSendable('the node here can be sent only from Linux');
  }
  const { node_shared: isShared = false } = process.config.variables as { node_shared?: boolean };
  if (isShared) {
    throw notSendable(
      "the node here is a distribution's package, which can't be sent: use the standalone basyn, or node's own build",
    );
  }
  const program = await realpath(process.execPath);
  const libraries = sharedObjects().filter((path) => path !== program && path !== process.execPath);
  const files = await Promise.all([
    ...libraries.map((path) => runtimeFile(libraryName(path), path)),
    runtimeFile('node', program),
  ]);
  return runtimeOf(`node ${process.versions.node}`, files);
}

/** A file that the user named, for another kind of machine. It uses the libraries of the host. */
async function runtimeOfFile(path: string): Promise<Runtime> {
  return runtimeOf(basename(path), [await runtimeFile('node', path)]);
}

function runtimeOf(label: string, files: readonly RuntimeFile[]): Runtime {
  const { machine, path } = files.at(-1)!;
  if (machine === undefined) throw notSendable(`${path} is for a kind of processor that is not supported`);
  return { label, machine, files, sizeBytes: files.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) };
}

async function runtimeFile(name: string, path: string): Promise<RuntimeFile> {
  let image: ElfImage | undefined;
  try {
    image = await readElf(path);
  } catch (error) {
    throw notSendable(`${path} can't be read here: ${systemReason(error as NodeJS.ErrnoException)}`);
  }
  if (image === undefined) throw notSendable(`${path} is not a program for Linux with 64 bits`);
  if (!/^[\w.+-]+$/.test(name)) throw notSendable(`${path} has a name that can't be used on a host`);
  return { name, path, ...image };
}

/** The dynamic linker has another name on each kind of machine: ld-linux-x86-64.so.2, ld-linux-aarch64.so.1, ld64.so.2. */
function libraryName(path: string): string {
  const name = basename(path);
  return /^ld(64)?[-.]/.test(name) ? 'ld' : name;
}

/** The paths that this process has loaded, by the names under which the program asks for them. */
function sharedObjects(): readonly string[] {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // Otherwise, node looks up the names of the peers of its sockets. Old versions ignore it.
  report.excludeNetwork = true;
  const { sharedObjects } = report.getReport() as unknown as { sharedObjects: readonly string[] };
  return sharedObjects.filter((path) => path.startsWith('/'));
}

/** The message is the second half of a sentence that begins with what is missing on the host. */
function notSendable(reason: string): BasynError {
  return new BasynError('connection', reason, { remedy: 'other-runtime' });
}
