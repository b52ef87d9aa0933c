import { systemReason, type Remedy } from '../errors.ts';
import type { ChildExit } from './child.ts';
import { reasonIn } from './last-words.ts';

/** A start that led to no agent. */
export interface FailedStart {
  /** The program that was started here: ssh. */
  readonly file: string;
  /** How node is started there. */
  readonly nodeCommand: string;
  readonly exit: ChildExit;
  /** What came on stdout in place of the banner. */
  readonly output: string;
  /** Of stderr, oldest first. */
  readonly errorLines: readonly string[];
}

const accountWithoutCommands = /account is (currently )?not available|sftp connections only|no shell access/i;
const restrictedAccount = /unrecognized command|\brestricted\b|SSH_ORIGINAL_COMMAND|command not allowed/i;
const misfit =
  /error while loading shared libraries|version `\w+_[\d.]+' not found|symbol lookup error|exec format error|cannot execute binary file/i;
const crash = /FATAL ERROR|Fatal (process|error|javascript)|terminate called|Assertion failed/i;
const missing = /(command )?not found|unknown command|no such file or directory/i;

/** ssh's own status: the host was not reached, or did not let us in. */
const statusOfSsh = 255;
const maxOutputCharacters = 80;

/** Why there is no agent. */
export interface StartFailure {
  /** The second half of a sentence, without its full stop. */
  readonly reason: string;
  readonly remedy?: Remedy;
}

/** Why there is no agent, and what to do. */
export function startFailureOf({ file, nodeCommand, exit, output, errorLines }: FailedStart): StartFailure {
  if (exit.spawnError !== undefined) return { reason: spawnFailureReason(file, exit.spawnError) };
  const words = reasonIn(errorLines);
  const text = firstLineOf(output);
  const said = [words, text && JSON.stringify(text)].filter(Boolean).join(', ');
  const inBrackets = said === '' ? '' : ` (${said})`;
  if (accountWithoutCommands.test(said)) {
    return { reason: `the account there runs no commands${inBrackets}`, remedy: 'other-user' };
  }
  if (crash.test(said)) {
    const limits = 'its limits on memory, processes or open files may be too low (ulimit -a)';
    return { reason: `node crashes there${inBrackets}: ${limits}` };
  }
  if (exit.code === statusOfSsh && text === undefined) {
    return { reason: words ?? 'ssh failed, and printed no reason; the remote command may have been killed' };
  }
  if (restrictedAccount.test(said)) {
    const reason = `the account there runs certain commands only${inBrackets}: allow it to run node`;
    return { reason, remedy: 'other-user' };
  }
  if (misfit.test(said)) {
    const reason = `the node there does not fit its system${inBrackets}: install one that does`;
    return { reason, remedy: 'other-node' };
  }
  if (exit.code === 126 || exit.code === 127 || (exit.code !== 0 && missing.test(words ?? ''))) {
    const reason = `there is no node to run there as "${nodeCommand}"${inBrackets}: install it`;
    return { reason, remedy: 'other-node' };
  }
  const end = `"${nodeCommand}" ${endInWords(exit)} there`;
  // Such an account runs something else, or nothing, whatever it is asked for.
  if (said === '') return { reason: `${end} without a word: ${accountHint}` };
  const reason =
    text === undefined
      ? `${end}${inBrackets}`
      : `${end}, and printed ${JSON.stringify(text)}: ${accountHint}`;
  return { reason };
}

const accountHint =
  'the account may have no shell, allow sftp only, or run another command in place of each (ForceCommand, authorized_keys)';

/** How a process ended, as a verb: "was ended by SIGKILL". */
export function endInWords({ code, signal }: ChildExit): string {
  return signal === null ? `ended with status ${code ?? 'unknown'}` : `was ended by ${signal}`;
}

function spawnFailureReason(file: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return `${file} is not installed here, or not in PATH`;
  const advice = spawnAdvice[error.code ?? ''];
  return `${file} can't be started: ${systemReason(error)}${advice === undefined ? '' : `: ${advice}`}`;
}

const spawnAdvice: Partial<Record<string, string>> = {
  EMFILE: 'raise the limit on open files (ulimit -n)',
  ENFILE: 'raise the limit on open files of the system (fs.file-max)',
  EAGAIN: 'raise the limit on processes (ulimit -u), or end some of them',
  ENOMEM: 'this machine has no memory left for it',
};

/** No control characters, and nothing at all where nothing is readable: sftp-server speaks in binary. */
function firstLineOf(output: string): string | undefined {
  const line = output.split(/\r?\n/).find((each) => /\p{L}/u.test(each));
  return line?.trim().slice(0, maxOutputCharacters);
}
