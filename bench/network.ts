import { chmodSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants } from '../rig/processes/processes.ts';
import { startRelay, type Relay } from '../rig/relay/relay.ts';
import { findSshd, startSshd } from '../rig/ssh/sshd.ts';
import type { LinkOptions } from '../rig/relay/relay-link.ts';
import { findOnPath } from './tools.ts';

/** The same machine under several names: each name is a link to it. */
export type HostName = 'near' | 'far' | 'far-gigabit';

/** `near` has no link: it is the loopback device itself. */
const links: Readonly<Record<HostName, LinkOptions | undefined>> = {
  near: undefined,
  far: { delayMs: 25 },
  'far-gigabit': { delayMs: 25, bandwidthMbit: 1000 },
};

const IDLE_DEADLINE_MS = 10_000;
const IDLE_POLL_MS = 2;

/** A throw-away sshd, and a command `ssh` that knows its names and counts what it carries. */
export interface Network {
  readonly serverPid: number;
  /** Waits until no session is left on the server. */
  untilIdle(): Promise<void>;
  resetWire(): Promise<void>;
  /**
   * The bytes transferred since the reset, in both directions: the count of the link or, without a link,
   * the count that ssh reports (an ssh for a further lane reports none). Undefined if ssh did not run.
   */
  wireBytes(): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** Starts the links, and puts the command into the first directory of the PATH. */
export async function startNetwork(binDirectory: string): Promise<Network | undefined> {
  const ssh = findOnPath('ssh');
  if (findSshd() === undefined || ssh === undefined) return undefined;
  const server = await startSshd();
  const relays: Relay[] = [];
  const ports: string[] = [];
  for (const [name, link] of Object.entries(links)) {
    let { port } = server;
    if (link !== undefined) {
      const relay = await startRelay({ ...link, targetPort: server.port });
      relays.push(relay);
      ({ port } = relay);
    }
    ports.push(`Host ${name}`, `  Port ${port}`);
  }

  const configPath = join(binDirectory, 'ssh_config');
  const logPath = join(binDirectory, 'ssh.log');
  // Verbose, so that ssh reports its traffic when it ends.
  const common = [`HostName ${server.host}`, `User ${server.user}`, 'LogLevel VERBOSE', ...server.sshOptions];
  writeFileSync(configPath, ['Host *', ...common.map((line) => `  ${line}`), ...ports, ''].join('\n'));
  writeFileSync(logPath, '');
  const scriptPath = join(binDirectory, 'ssh');
  writeFileSync(scriptPath, `#!/bin/sh\nexec ${ssh} -F ${configPath} -E ${logPath} "$@"\n`);
  chmodSync(scriptPath, 0o755);

  const relayedBytes = async (): Promise<number> => {
    const counters = await Promise.all(relays.map((relay) => relay.counters()));
    return counters.reduce((sum, { bytesForward, bytesBack }) => sum + bytesForward + bytesBack, 0);
  };
  let relayedBeforeBytes = 0;

  return {
    serverPid: server.pid,
    untilIdle: () => untilIdle(server.pid),
    async resetWire() {
      truncateSync(logPath);
      relayedBeforeBytes = await relayedBytes();
    },
    async wireBytes() {
      const byRelays = (await relayedBytes()) - relayedBeforeBytes;
      return byRelays > 0 ? byRelays : sumTransferred(readFileSync(logPath, 'latin1'));
    },
    async stop() {
      for (const relay of relays) await relay.stop();
      await server.stop();
    },
  };
}

async function untilIdle(serverPid: number): Promise<void> {
  const deadlineMs = performance.now() + IDLE_DEADLINE_MS;
  while (descendants(serverPid).length > 0) {
    if (performance.now() > deadlineMs) throw new Error('a session is still open on the ssh server');
    await sleep(IDLE_POLL_MS);
  }
}

function sumTransferred(log: string): number | undefined {
  const counts = [...log.matchAll(/Transferred: sent (\d+), received (\d+) bytes/g)];
  if (counts.length === 0) return undefined;
  return counts.reduce((sum, [, sent, received]) => sum + Number(sent) + Number(received), 0);
}
