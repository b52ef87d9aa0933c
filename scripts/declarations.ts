import { join } from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { root } from './bundle.ts';

/** The library's types in one text that imports nothing: what src/index.ts exports, and what that refers to. */
export async function bundleDeclarations(): Promise<string> {
  const build = await rollup({
    input: join(root, 'src/index.ts'),
    plugins: [dts({ tsconfig: join(root, 'tsconfig.json') })],
    onwarn: ({ message }) => {
      throw new Error(`rollup warned: ${message}`);
    },
  });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  const [chunk, ...others] = output;
  if (others.length > 0 || chunk.imports.length > 0)
    throw new Error('The declarations are more than one file');
  return chunk.code;
}
