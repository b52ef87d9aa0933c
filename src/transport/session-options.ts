import type { SshSettings } from './ssh-settings.ts';

/** A setting of ssh that a session of Basyn needs, whatever the user has configured for interactive sessions. */
interface Need {
  /** In lower case, as `ssh -G` prints it. */
  readonly name: string;
  /** Whether a session of Basyn works with this value, as `ssh -G` prints it. */
  readonly works: (printed: string) => boolean;
  /** The value for all others. */
  readonly value: string;
}

const needs: readonly Need[] = [
  { name: 'remotecommand', works: is('none'), value: 'none' },
  { name: 'stdinnull', works: is('no'), value: 'no' },
  // `ssh -G` was asked for no session (see ssh-settings.ts), so its answer is not the user's.
  { name: 'sessiontype', works: () => false, value: 'default' },
  // ssh would end at once, and a process that is not our child would carry the session.
  { name: 'forkafterauthentication', works: is('no'), value: 'no' },
  // Its output would precede the agent's.
  { name: 'permitlocalcommand', works: is('no'), value: 'no' },
  // If the server does not allow it, ssh prints a line in every run.
  { name: 'forwardx11', works: is('no'), value: 'no' },
  // It needs privileges on both sides. Without them, ssh prints a line or ends.
  { name: 'tunnel', works: is('false', 'no'), value: 'no' },
  // ssh would not print the reason for a failure.
  { name: 'loglevel', works: (printed) => !/^(silent|quiet|fatal)$/i.test(printed), value: 'ERROR' },
];
const forwardings = ['localforward', 'remoteforward', 'dynamicforward'];

/**
 * Resets what the user has configured for interactive sessions on a host (a `RemoteCommand` for tmux, forwarded ports) and
 * what would break a session of Basyn or make ssh print lines. It changes only settings that `ssh -G` prints, because an
 * older ssh does not know all of them.
 *
 * @returns options for ssh.
 */
export function sessionOptions({ actual }: Pick<SshSettings, 'actual'>): string[] {
  const changed = needs.filter(({ name, works }) => actual.has(name) && !works(actual.get(name)!));
  const forwards = forwardings.some((name) => actual.has(name));
  return [
    ...changed.map(({ name, value }) => `${name}=${value}`),
    ...(forwards ? ['clearallforwardings=yes'] : []),
  ];
}

function is(...values: readonly string[]): (printed: string) => boolean {
  return (printed) => values.includes(printed);
}
