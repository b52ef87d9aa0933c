import type { Settings, SshSettings } from './ssh-settings.ts';

/** What our ssh is for: one command there, whose stdin and stdout are ours alone. */
const needed: Settings = new Map([
  ['remotecommand', 'none'],
  ['stdinnull', 'no'],
  ['sessiontype', 'default'],
  // Its output would come before the agent's.
  ['permitlocalcommand', 'no'],
]);
const forwardings = ['localforward', 'remoteforward', 'dynamicforward'];

/**
 * Sets back what a person has configured for sessions of their own on a host (a `RemoteCommand` for tmux, forwarded
 * ports), and what would keep ours from working. The rest is left alone, also as an older ssh doesn't know all of these.
 *
 * @returns options for ssh.
 */
export function sessionOptions({ actual }: Pick<SshSettings, 'actual'>): string[] {
  const changed = [...needed].filter(([name, value]) => (actual.get(name) ?? value) !== value);
  const forwards = forwardings.some((name) => actual.has(name));
  return [...changed.map((each) => each.join('=')), ...(forwards ? ['clearallforwardings=yes'] : [])];
}
