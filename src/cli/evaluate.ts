import { createRequire } from 'node:module';
import { runInThisContext } from 'node:vm';

/** Runs a program as `node -e` does: as a script, in which `require` is global. */
export function evaluate(code: string, args: readonly string[]): void {
  process.argv = [process.execPath, ...args];
  Object.assign(globalThis, { require: createRequire(process.execPath) });
  runInThisContext(code, { filename: '[eval]' });
}
