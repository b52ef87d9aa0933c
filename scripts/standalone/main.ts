/**
 * `npm run build:standalone [-- x64 | arm64]`: makes build/basyn-linux-PROCESSOR, the program and node in one executable, for
 * the processor of this machine or for that one. Two builds give the same bytes.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { bundle, filesIn, root } from '../bundle.ts';
import { licensesOf } from '../licenses.ts';
import { cutSections } from './cut-sections.ts';
import { hostProcessor, inject, processors, runtimeFor, type Processor } from './runtime.ts';

const run = promisify(execFile);

async function main([
  wanted = hostProcessor(),
  folder = join(root, 'build'),
]: readonly string[]): Promise<void> {
  const processor = processors.find((each) => each === wanted);
  if (processor === undefined)
    throw new Error(`The processor is one of ${processors.join(', ')}, not ${wanted}.`);
  await mkdir(folder, { recursive: true });
  const executable = join(resolve(folder), `basyn-linux-${processor}`);
  const work = await mkdtemp(join(tmpdir(), 'basyn-build-'));
  try {
    const files = await bundleProgram(join(work, 'basyn.cjs'));
    await rename(await assemble(processor, work, `${executable}.partial`), executable);
    const { nodeLicense } = await runtimeFor(processor);
    await writeFile(`${executable}.licenses.txt`, `${await licensesOf(files)}\n${nodeLicense}`);
  } finally {
    await rm(work, { recursive: true, force: true });
    await rm(`${executable}.partial`, { force: true });
  }
}

/** Resolves with the files that the program is made of. */
async function bundleProgram(outfile: string): Promise<string[]> {
  const { metafile } = await bundle({
    entryPoints: [join(root, 'src/cli/standalone.ts')],
    outfile,
    target: 'node22',
    format: 'cjs',
    // Until the first statement, node would open its debugger on a port of the machine when it receives SIGUSR1.
    banner: { js: "process.on('SIGUSR1', () => undefined);" },
    // A single executable application can import nothing at run time.
    supported: { 'dynamic-import': false },
    legalComments: 'none', // They are in the file of licences.
  });
  return filesIn(metafile);
}

/** Resolves with `executable`, which is then complete. */
async function assemble(processor: Processor, work: string, executable: string): Promise<string> {
  const { node } = await runtimeFor(processor);
  const blob = await prepareBlob(processor, work);
  // Sections are cut first. Afterwards, this would cut off what has been put in.
  await writeFile(executable, cutSections(await readFile(node)));
  await inject(executable, 'NODE_SEA_BLOB', blob);
  await chmod(executable, 0o755);
  return executable;
}

/** Resolves with the path of what is put into node: the program, and its compiled form. */
async function prepareBlob(processor: Processor, work: string): Promise<string> {
  // Node runs on this machine only. It must be the version into which the blob is put.
  const { node } = await runtimeFor(hostProcessor());
  const config = {
    // Relative: the blob contains the path.
    main: 'basyn.cjs',
    output: 'basyn.blob',
    disableExperimentalSEAWarning: true,
    // The compiled program, which only the same processor can use.
    useCodeCache: processor === hostProcessor(),
    // NODE_OPTIONS is meant for other programs.
    execArgvExtension: 'none',
  };
  await writeFile(join(work, 'sea.json'), JSON.stringify(config));
  // The compiled program depends on a random number. V8 would reject one that was compiled with another --hash-seed.
  const args = ['--random-seed=1', '--experimental-sea-config', 'sea.json'];
  await run(node, args, { cwd: work, env: {} });
  return join(work, config.output);
}

await main(process.argv.slice(2));
