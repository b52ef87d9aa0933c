import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { scalarBase64, simdBase64 } from 'basyn:xxh128';
import { build } from 'esbuild';
import reference from 'hash-wasm/dist/xxhash128.umd.min.js';
import { describe, expect, test } from 'vitest';
import { virtualPlugin } from '../../scripts/bundle.ts';
import { plainEngine } from '../../src/digest/xxh128-plain.ts';
import { engineOf } from '../../src/digest/xxh128-wasm.ts';
import { loadXxh128, xxh128Of, type Xxh128Engine } from '../../src/digest/xxh128.ts';
import { node18 } from '../support/node-versions.ts';
import { makeRandom } from '../../rig/images/random.ts';

const run = promisify(execFile);
const scalarLibrary = await reference.createXXHash128();

const wasm = (base64: string): Xxh128Engine => engineOf(Buffer.from(base64, 'base64'))!;
const engines = [
  { name: 'with SIMD', engine: wasm(simdBase64) },
  { name: 'in WebAssembly without SIMD', engine: wasm(scalarBase64) },
  { name: 'in plain JavaScript', engine: plainEngine() },
];

const randomBytes = Buffer.alloc(1_000_000);
makeRandom(128).fill(randomBytes);

describe.each(engines)('XXH128 $name', ({ engine }) => {
  const xxh128 = xxh128Of(engine);

  test('matches the scalar library for every length up to 2500, at any alignment', () => {
    for (let lengthBytes = 0; lengthBytes <= 2500; lengthBytes++) {
      const start = (lengthBytes * 7) % 64;
      const bytes = randomBytes.subarray(start, start + lengthBytes);
      expect(hex(xxh128.digestOne(bytes)), `${lengthBytes} bytes`).toBe(expectedOf(bytes));
    }
  });

  test('matches the scalar library around the ends of blocks and of the input area', () => {
    const areaBytes = engine.area.byteLength;
    for (const endBytes of [16 * 1024, areaBytes, 2 * areaBytes, 3 * areaBytes]) {
      for (const moreBytes of [-1024, -65, -64, -63, -1, 0, 1, 63, 64, 65, 239, 240, 241, 1023, 1024, 1025]) {
        const bytes = randomBytes.subarray(3, 3 + endBytes + moreBytes);
        expect(hex(xxh128.digestOne(bytes)), `${bytes.byteLength} bytes`).toBe(expectedOf(bytes));
      }
    }
  });

  test('does not depend on how the input is divided', () => {
    const random = makeRandom(3);
    for (let count = 0; count < 60; count++) {
      const lengthBytes = random.below(count < 40 ? 3000 : randomBytes.byteLength);
      const bytes = randomBytes.subarray(0, lengthBytes);
      const running = xxh128.begin();
      for (let atBytes = 0; atBytes < lengthBytes;) {
        const partBytes = random.below(2) === 0 ? random.below(100) : random.below(lengthBytes + 1);
        running.update(bytes.subarray(atBytes, atBytes + partBytes));
        atBytes += partBytes;
      }
      expect(hex(running.digest()), `round ${count}, ${lengthBytes} bytes`).toBe(expectedOf(bytes));
    }
  });

  test('starts a new digest if the previous one was not ended', () => {
    xxh128.begin().update(randomBytes);
    expect(hex(xxh128.digestOne(Buffer.from('abc')))).toBe('06b05ab6733a618578af5f94892f3950');
  });

  test('is correct for all zeros and for all ones: no carry is lost', () => {
    for (const value of [0, 0xff]) {
      const bytes = Buffer.alloc(200_000, value);
      expect(hex(xxh128.digestOne(bytes))).toBe(expectedOf(bytes));
    }
  });

  /** From the self-test of the reference implementation: each length takes another path through the function. */
  test.each([
    [0, '99aa06d3014798d86001c324468d497f'],
    [1, 'a6cd5e9392000f6ac44bdff4074eecdb'],
    [6, '082afe0b8162d12a3e7039bdda43cfc6'],
    [12, '6e3efd8fc7802b18061a192713f69ad9'],
    [24, '0ce966e4678d37611e7044d28b1b901d'],
    [48, 'a002ac4e5478227ef942219aed80f67b'],
    [81, '4952f58181ab00425e8bafb9f95fb803'],
    [222, '337e09641b948717f1aebd597cec6b3a'],
    [403, '1b6de21e332dd73dcdeb804d65c6dea4'],
    [512, '18d2d110dcc9bca1617e49599013cb6b'],
    [2048, 'f736557fd47073a5dd59e2c3a5f038e0'],
    [2240, 'ccb134fbfa7ce49d6e73a90539cf2948'],
    [2367, 'e89c0f6ff369b427cb37aeb9e5d361ed'],
  ])('of %i bytes matches the reference', (length, expected) => {
    expect(hex(xxh128.digestOne(referenceBytes(length)))).toBe(expected);
  });
});

describe('XXH128 on a node without a feature', () => {
  const lacks = [
    { lack: 'nothing', node: process.execPath, flags: [] },
    { lack: 'SIMD', node: process.execPath, flags: ['--no-enable-sse4-1'] },
    { lack: 'WebAssembly', node: process.execPath, flags: ['--jitless', '--no-expose-wasm'] },
    { lack: 'what is newer than node 18', node: node18, flags: [] },
    { lack: 'WebAssembly, in node 18', node: node18, flags: ['--jitless', '--no-expose-wasm'] },
  ];

  test.each(lacks)('is the same without $lack', async ({ node, flags }) => {
    const program = `
      import { loadXxh128 } from './src/digest/xxh128.ts';
      void loadXxh128().then((xxh128) => {
        const bytes = Buffer.alloc(100_000, 'basyn');
        console.log([0, 3, 17, 200, 300, 100_000].map((length) =>
          Buffer.from(xxh128.digestOne(bytes.subarray(0, length))).toString('hex')).join());
      });`;
    const { stdout } = await run(node!, [...flags, '-e', await bundled(program)]);
    const bytes = Buffer.alloc(100_000, 'basyn');
    const expected = [0, 3, 17, 200, 300, 100_000].map((length) => expectedOf(bytes.subarray(0, length)));
    expect(stdout.trim()).toBe(expected.join());
  });

  test('is the same if the address space is too small for a WebAssembly memory', async () => {
    const program = `
      import { loadXxh128 } from './src/digest/xxh128.ts';
      void loadXxh128().then((xxh128) => console.log(Buffer.from(xxh128.digestOne(Buffer.alloc(5000))).toString('hex')));`;
    // 4 GiB: node itself needs one.
    const limited = ['-c', 'ulimit -v 4194304 && exec "$@"', 'bash', process.execPath];
    const { stdout } = await run('bash', [...limited, '-e', await bundled(program)]);
    expect(stdout.trim()).toBe(expectedOf(Buffer.alloc(5000)));
  });
});

test('each load has a state of its own', async () => {
  const [one, other] = [await loadXxh128(), await loadXxh128()];
  const running = one.begin();
  running.update(randomBytes.subarray(0, 1000));
  expect(hex(other.digestOne(randomBytes))).toBe(expectedOf(randomBytes));
  expect(hex(running.digest())).toBe(expectedOf(randomBytes.subarray(0, 1000)));
});

async function bundled(program: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    supported: { 'dynamic-import': false },
    plugins: [virtualPlugin],
  });
  return outputFiles[0]!.text;
}

function expectedOf(bytes: Uint8Array): string {
  return scalarLibrary.init().update(bytes).digest('hex');
}

function referenceBytes(length: number): Buffer {
  const prime = 11_400_714_785_074_694_797n;
  let state = 2_654_435_761n;
  return Buffer.from(
    Array.from({ length }, () => {
      const byte = Number(state >> 56n);
      state = BigInt.asUintN(64, state * prime);
      return byte;
    }),
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
