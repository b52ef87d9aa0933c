/** The embedded ssh server: public key authentication, and `exec`. See embedded.ts, which starts it. */

import { spawn } from 'node:child_process';
import { timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, userInfo } from 'node:os';
import { dirname } from 'node:path';
import ssh2, { type AuthContext, type ParsedKey, type ServerChannel, type Session } from 'ssh2';
import { killTree } from '../processes/processes.ts';

export interface EmbeddedConfiguration {
  readonly hostKeyPath: string;
  readonly clientPublicKeyPath: string;
  readonly access: 'granted' | 'refused';
  /** Run in place of each command, which it finds in SSH_ORIGINAL_COMMAND. */
  readonly loginScriptPath: string;
  readonly runMarker: string;
}

/** Sent to the parent as soon as the server listens. */
export interface EmbeddedReady {
  readonly port: number;
}

/** sshd lets a command continue when its connection is lost. A command that never notices is killed after this time. */
const ORPHAN_GRACE_MS = 10_000;

function main(configuration: EmbeddedConfiguration): void {
  const clientKey = ssh2.utils.parseKey(readFileSync(configuration.clientPublicKeyPath));
  if (clientKey instanceof Error) throw clientKey;
  const server = new ssh2.Server({ hostKeys: [readFileSync(configuration.hostKeyPath)] }, (client) => {
    client.on('authentication', (context) => {
      if (configuration.access === 'granted' && isSignedBy(clientKey, context)) context.accept();
      else context.reject(['publickey']);
    });
    client.on('session', (accept) => {
      serve(accept(), configuration);
    });
    // Some tests break the connection on purpose.
    client.on('error', () => undefined);
  });
  // With Nagle's algorithm, each 2 MiB of window would wait 40 ms for a delayed acknowledgement.
  const listener = createServer({ noDelay: true }, (socket) => server.injectSocket(socket));
  listener.listen(0, '127.0.0.1', () => {
    const { port } = listener.address() as AddressInfo;
    process.send?.({ port } satisfies EmbeddedReady);
  });
  process.on('disconnect', () => {
    killTree(process.pid);
  });
}

function isSignedBy(key: ParsedKey, context: AuthContext): boolean {
  if (context.method !== 'publickey') return false;
  const ours = key.getPublicSSH();
  const offered = context.key.data;
  if (offered.length !== ours.length || !timingSafeEqual(offered, ours)) return false;
  // Without a signature the client only asks whether it is worth signing.
  if (context.signature === undefined || context.blob === undefined) return true;
  // Its type doesn't say so, but it may be an Error, which would count as true.
  const verified: unknown = key.verify(context.blob, context.signature, context.hashAlgo);
  return verified === true;
}

function serve(session: Session, configuration: EmbeddedConfiguration): void {
  session.on('exec', (accept, _reject, { command }) => {
    run(command, accept(), session, configuration);
  });
}

/** Wires a command to its channel as sshd does: byte streams with back-pressure, end of file both ways. */
function run(
  command: string,
  channel: ServerChannel,
  session: Session,
  { loginScriptPath, runMarker }: EmbeddedConfiguration,
): void {
  const { username, shell } = userInfo();
  const child = spawn(loginScriptPath, {
    cwd: homedir(),
    // Like sshd, pass on nothing of the server's own environment.
    env: {
      USER: username,
      LOGNAME: username,
      HOME: homedir(),
      SHELL: shell ?? '/bin/sh',
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      BASYN_TEST_RUN: runMarker,
      SSH_ORIGINAL_COMMAND: command,
    },
    detached: true,
    stdio: 'pipe',
  });
  // Either side may close before its peer has sent everything.
  for (const stream of [channel, channel.stderr, child.stdin, child.stdout, child.stderr]) {
    stream.on('error', () => undefined);
  }
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });

  session.on('signal', (_accept, _reject, { name }) => {
    process.kill(-child.pid!, `SIG${name}`);
  });
  child.on('close', (exitCode, signal) => {
    if (signal === null) channel.exit(exitCode ?? 255);
    else channel.exit(signal.replace(/^SIG/, ''), false, '');
    channel.end();
  });
  channel.on('close', () => {
    // The command sees the same as with sshd: the end of its input, and no reader of its output.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    setTimeout(() => {
      if (child.exitCode === null && child.signalCode === null) killTree(child.pid!);
    }, ORPHAN_GRACE_MS).unref();
  });
}

main(JSON.parse(process.argv[2]!) as EmbeddedConfiguration);
