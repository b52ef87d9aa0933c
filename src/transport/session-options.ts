import type { SshSettings } from './ssh-settings.ts';

/** A setting of ssh that our sessions need, whatever the user has for sessions of their own. */
interface Need {
  /** In lower case, as `ssh -G` prints it. */
  readonly name: string;
  /** Values with which a session of ours works, as `ssh -G` prints them. */
  readonly works: (printed: string) => boolean;
  /** What it is set to otherwise. */
  readonly value: string;
}

const needs: readonly Need[] = [
  { name: 'remotecommand', works: is('none'), value: 'none' },
  { name: 'stdinnull', works: is('no'), value: 'no' },
  // `ssh -G` was asked for no session at all (see ssh-settings.ts), so its answer is not the user's.
  { name: 'sessiontype', works: () => false, value: 'default' },
  // ssh would end at once, and leave the session to a process that is not our child.
  { name: 'forkafterauthentication', works: is('no'), value: 'no' },
  // Its output would come before the agent's.
  { name: 'permitlocalcommand', works: is('no'), value: 'no' },
  // A server that does not allow it makes ssh print a line in every run.
  { name: 'forwardx11', works: is('no'), value: 'no' },
  // Needs privileges here and there; ssh prints a line, or ends, without them.
  { name: 'tunnel', works: is('false', 'no'), value: 'no' },
  // The reason for a failure would not be printed.
  { name: 'loglevel', works: (printed) => !/^(silent|quiet|fatal)$/i.test(printed), value: 'ERROR' },
];
const forwardings = ['localforward', 'remoteforward', 'dynamicforward'];

/**
 * Sets back what a person has configured for sessions of their own on a host (a `RemoteCommand` for tmux, forwarded
 * ports), and what would keep ours from working or make it print lines. The rest is left alone, also as an older ssh
 * doesn't know all of these: what it knows, it prints.
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
