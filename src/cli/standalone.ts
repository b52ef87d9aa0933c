/**
 * The program of the standalone executable. It is the command, and node for the agent: `basyn -e CODE` runs the code as
 * `node -e CODE` does, so that `--remote-node=basyn` starts the agent on a host that has the executable.
 */
import { evaluate } from './evaluate.ts';

const [, , first, code, ...args] = process.argv;
if (first === '-e' && code !== undefined) evaluate(code, args);
// The command runs as soon as its file is loaded.
else void import('./main.ts');
