import { startEmbedded } from './embedded.ts';
import type { SshServer, SshServerOptions } from './server.ts';
import { findSshd, startSshd } from './sshd.ts';

export { hostOptions, sshArguments, type SshServer, type SshServerOptions } from './server.ts';
export type { LoginProfile } from './login-profile.ts';

let announced = false;

/**
 * Starts the machine's sshd, or the embedded server if there is no sshd or BASYN_TEST_SSH=embedded
 * requests it, and prints once which one it is.
 */
export async function startSshServer(options: SshServerOptions = {}): Promise<SshServer> {
  const forced = process.env.BASYN_TEST_SSH;
  if (forced !== undefined && forced !== 'embedded') {
    throw new Error(`BASYN_TEST_SSH may only be "embedded", not "${forced}"`);
  }
  const sshdPath = forced === 'embedded' ? undefined : findSshd();
  if (!announced) {
    announced = true;
    const reason = forced === 'embedded' ? 'asked for by BASYN_TEST_SSH' : 'no sshd on this machine';
    console.error(`ssh server of the tests: ${sshdPath ?? `embedded (${reason})`}`);
  }
  return sshdPath === undefined ? startEmbedded(options) : startSshd(options);
}
