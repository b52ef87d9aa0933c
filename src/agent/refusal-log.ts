import { spawn } from 'node:child_process';
import { bounds } from '../limits.ts';

/**
 * Reports a refusal in the log of the system, by logger(1): the administrator of the host does not see the output of the
 * client. The program outlives this process. Without it, nothing is reported.
 *
 * @param client the address of the client, as sshd has given it. Undefined where it is unknown.
 */
export function logRefusal(reason: string, client: string | undefined): void {
  const from = client === undefined ? '' : ` from ${client}`;
  // Control and formatting characters of a path could forge or hide a line.
  const text = `refused a request${from}: ${reason}`
    .replace(/\p{C}/gu, '?')
    .slice(0, bounds.loggedCharacters);
  const logger = spawn('logger', ['-t', 'basyn', '-p', 'auth.warning', '--', text], {
    stdio: 'ignore',
    detached: true,
  });
  logger.once('error', () => undefined);
  logger.unref();
}
