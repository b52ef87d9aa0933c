import { execFile, type ExecFileException } from 'node:child_process';
import { promisify } from 'node:util';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import type { Trace } from '../trace.ts';
import { shellQuoted } from './shell-quote.ts';
import { sshArguments, type SshDestination } from './ssh-arguments.ts';

const execute = promisify(execFile);

/** Names in lower case, and values, as `ssh -G` prints them. */
export type Settings = ReadonlyMap<string, string>;

/** The configuration that ssh would use. */
export interface SshSettings {
  /** For this destination, with everything that the user and the machine have configured. */
  readonly actual: Settings;
  /** Without any configuration. */
  readonly standard: Settings;
}

/**
 * Asks ssh for its configuration.
 *
 * @returns undefined for an ssh that does not answer. What is wrong with the host is reported by the real connection.
 * @throws {BasynError} `connection`, where this ssh was killed, by a user or for lack of memory.
 */
export async function askSettings(
  destination: SshDestination,
  trace: Trace | undefined,
): Promise<SshSettings | undefined> {
  try {
    const [actual, standard] = await Promise.all([
      settingsOf(sshArguments(destination), trace),
      settingsOf(['-F', 'none', '--', 'localhost'], trace),
    ]);
    return { actual, standard };
  } catch (error) {
    const { killed, signal } = error as ExecFileException;
    // `killed` is our own timeout: ssh can hang in a command of its configuration.
    if (typeof signal !== 'string' || killed === true) return undefined;
    throw new BasynError(
      'connection',
      `Can't start on ${destination.host}: ssh was ended by ${signal} when it was asked for its configuration.`,
      { side: 'remote' },
    );
  }
}

async function settingsOf(args: readonly string[], trace: Trace | undefined): Promise<Settings> {
  // `-N` asks for no session. Without a command, ssh refuses to fork into the background (`ForkAfterAuthentication`) and
  // to start a subsystem (`SessionType`), even for `-G`. With a command, it refuses a second one (`RemoteCommand`).
  const words = ['-G', '-N', ...args];
  trace?.(`running: ${shellQuoted(['ssh', ...words])}`);
  const query = execute('ssh', words, { timeout: bounds.queryTimeoutMs });
  // An `ssh` that is a script may wait for the end of its input.
  query.child.stdin?.end();
  const { stdout } = await query;
  return new Map(
    stdout.split('\n').map((line) => {
      const [name = '', ...values] = line.split(' ');
      return [name, values.join(' ')] as const;
    }),
  );
}
