import { execFile, type ExecFileException } from 'node:child_process';
import { promisify } from 'node:util';
import { BasynError } from '../errors.ts';
import { sshArguments, type SshDestination } from './ssh-arguments.ts';

const execute = promisify(execFile);
const queryTimeoutMs = 5_000;

/** Names in lower case, and values, as `ssh -G` prints them. */
export type Settings = ReadonlyMap<string, string>;

/** How ssh would go about it. */
export interface SshSettings {
  /** For this destination, with all that the person and the machine have configured. */
  readonly actual: Settings;
  /** Where nobody has configured anything. */
  readonly standard: Settings;
}

/**
 * @returns undefined for an ssh that can't be asked; what is wrong with a host is told by the real attempt.
 * @throws {BasynError} `connection`, where somebody, or the lack of memory, has killed it.
 */
export async function askSettings(destination: SshDestination): Promise<SshSettings | undefined> {
  try {
    const [actual, standard] = await Promise.all([
      settingsOf(sshArguments(destination)),
      settingsOf(['-F', 'none', '--', 'localhost']),
    ]);
    return { actual, standard };
  } catch (error) {
    const { killed, signal } = error as ExecFileException;
    // `killed` is our own timeout: ssh can hang over a command in its configuration.
    if (typeof signal !== 'string' || killed === true) return undefined;
    throw new BasynError(
      'connection',
      `Can't start on ${destination.host}: ssh was ended by ${signal} when it was asked for its configuration.`,
      { side: 'remote' },
    );
  }
}

async function settingsOf(args: readonly string[]): Promise<Settings> {
  // With `-N`, for no session: without a command, ssh refuses to fork into the background (`ForkAfterAuthentication`) or to
  // start a subsystem (`SessionType`), also where it is only asked. With one, it refuses to have another (`RemoteCommand`).
  const query = execute('ssh', ['-G', '-N', ...args], { timeout: queryTimeoutMs });
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
