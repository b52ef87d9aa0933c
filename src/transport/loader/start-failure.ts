import type { Remedy } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { endInWords, type ChildExit } from '../child.ts';
import { isLinkFailure, reasonIn } from '../stderr-reason.ts';

/** A remote command that ended before the agent ran. */
export interface FailedStart {
  /** How node is started there. */
  readonly nodeCommand: string;
  readonly exit: ChildExit;
  /** What arrived on stdout instead of the banner. */
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

/** ssh's own status: it did not reach the host, or was not let in. */
const statusOfSsh = 255;

/** Why there is no agent. */
export interface StartFailure {
  /** The second half of a sentence, without its full stop. */
  readonly reason: string;
  readonly remedy?: Remedy;
  /** The host could not be reached, or its answer did not arrive: another attempt may succeed. */
  readonly retryable?: true;
}

/** Why there is no agent, and what to do. */
export function startFailureOf({ nodeCommand, exit, output, errorLines }: FailedStart): StartFailure {
  const words = reasonIn(errorLines);
  const text = firstLineOf(output);
  const printed = [words, text && JSON.stringify(text)].filter(Boolean).join(', ');
  const inBrackets = printed === '' ? '' : ` (${printed})`;
  if (accountWithoutCommands.test(printed)) {
    return { reason: `the account there runs no commands${inBrackets}`, remedy: 'other-user' };
  }
  if (crash.test(printed)) {
    const limits = 'its limits on memory, processes or open files may be too low (ulimit -a)';
    return { reason: `node crashes there${inBrackets}: ${limits}` };
  }
  if (exit.code === statusOfSsh && text === undefined) {
    return failureOfSsh(errorLines);
  }
  if (restrictedAccount.test(printed)) {
    const reason = `the account there runs certain commands only${inBrackets}: allow it to run node`;
    return { reason, remedy: 'other-user' };
  }
  if (misfit.test(printed)) {
    const reason = `the node there does not fit its system${inBrackets}: install one that does`;
    return { reason, remedy: 'other-node' };
  }
  if (exit.code === 126 || exit.code === 127 || (exit.code !== 0 && missing.test(words ?? ''))) {
    const reason = `there is no node to run there as "${nodeCommand}"${inBrackets}: install it`;
    return { reason, remedy: 'other-node' };
  }
  const end = `"${nodeCommand}" ${endInWords(exit)} there`;
  // Only a process of this host has a signal as its end. One on the other host has a status.
  if (printed === '' && exit.signal !== null) {
    return { reason: `ssh ${endInWords(exit)} on this host`, retryable: true };
  }
  // Such an account runs another program, or none, whatever the command is.
  if (printed === '') return { reason: `${end} and printed nothing: ${accountHint}` };
  const reason =
    text === undefined
      ? `${end}${inBrackets}`
      : `${end}, and printed ${JSON.stringify(text)}: ${accountHint}`;
  return { reason };
}

/** ssh prints no reason if the remote command was killed. A host that shuts down does that. */
function failureOfSsh(errorLines: readonly string[]): StartFailure {
  const reason = reasonIn(errorLines);
  if (reason === undefined) {
    const unknown = 'ssh failed, and printed no reason; the remote command may have been killed';
    return { reason: unknown, retryable: true };
  }
  return isLinkFailure(errorLines) ? { reason, retryable: true } : { reason };
}

const accountHint =
  'the account may have no shell, allow sftp only, or run another command in place of each (ForceCommand, authorized_keys)';

/** Undefined where no line has letters: sftp-server, for example, writes binary data. */
function firstLineOf(output: string): string | undefined {
  const line = output.split(/\r?\n/).find((each) => /\p{L}/u.test(each));
  return line?.trim().slice(0, bounds.quotedOutputCharacters);
}
