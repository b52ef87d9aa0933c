import { userInfo } from 'node:os';
import { runMarker } from '../processes/processes.ts';
import { nextMessage, startProgram } from '../processes/program.ts';
import { makeTemporaryDirectory } from '../temporary.ts';
import { makeCredentials } from './credentials.ts';
import type { EmbeddedConfiguration, EmbeddedReady } from './embedded-program.ts';
import { writeLoginScript } from './login-profile.ts';
import type { SshServer, SshServerOptions } from './server.ts';

/**
 * Starts the embedded ssh server, for machines without sshd. It is a separate process, so that a
 * test that waits for `ssh` synchronously does not block the server.
 */
export async function startEmbedded({ profile = {} }: SshServerOptions = {}): Promise<SshServer> {
  const directory = makeTemporaryDirectory('ssh');
  const credentials = makeCredentials(directory.path);
  const configuration: EmbeddedConfiguration = {
    hostKeyPath: credentials.hostKeyPath,
    clientPublicKeyPath: credentials.clientPublicKeyPath,
    access: profile.access ?? 'granted',
    loginScriptPath: writeLoginScript(directory.path, profile),
    runMarker,
  };
  const program = await startProgram('rig/ssh/embedded-program.ts', [JSON.stringify(configuration)]);
  const { port } = await nextMessage<EmbeddedReady>(program);
  return {
    kind: 'embedded',
    host: '127.0.0.1',
    port,
    user: userInfo().username,
    sshOptions: credentials.sshOptions,
    pid: program.child.pid!,
    log: () => '',
    async stop() {
      await program.stop();
      directory.remove();
    },
  };
}
