import { setTimeout as sleep } from 'node:timers/promises';
import { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { bannerWord } from '../../protocol/banner.ts';
import type { ChildExit } from '../child.ts';
import { OtherText, readBanner } from './banner.ts';
import { agentCommand, agentPackage, oldestAgentNode } from './bootstrap.ts';
import type { AgentLoader, RemoteCommand } from './loader.ts';
import { startFailureOf } from './start-failure.ts';

/** Starts the agent with the node that is installed on the host. The agent's program goes to its stdin. */
export class NodeLoader implements AgentLoader {
  readonly command: string;
  readonly #nodeCommand: string;
  readonly #package: Uint8Array;

  /**
   * @param nodeCommand a piece of remote shell that starts node.
   * @param packedAgent the agent's program, compressed with brotli.
   */
  constructor(nodeCommand: string, packedAgent: Uint8Array) {
    this.#nodeCommand = nodeCommand;
    this.command = agentCommand(nodeCommand);
    this.#package = agentPackage(packedAgent);
  }

  async perform(remote: RemoteCommand, timeoutMs: number): Promise<void> {
    // The program goes out before the banner arrives: this saves a round trip.
    const sent = sendPackage(this.#package, remote, timeoutMs);
    const version = await this.#readVersion(remote, timeoutMs);
    if (version === undefined) throw this.#failedToStart(remote, await remote.exit);
    if (isTooOld(version)) {
      throw new BasynError(
        'connection',
        `the node there is too old (${version}, needed is ${oldestAgentNode}): install a newer one`,
        { remedy: 'other-node' },
      );
    }
    await sent;
  }

  async #readVersion(remote: RemoteCommand, timeoutMs: number): Promise<string | undefined> {
    try {
      return await readBanner(remote.stdout, timeoutMs);
    } catch (error) {
      const exit = error instanceof OtherText ? await exitWithoutBanner(remote) : undefined;
      throw exit === undefined ? error : this.#failedToStart(remote, exit, (error as OtherText).text);
    }
  }

  #failedToStart({ errorLines }: RemoteCommand, exit: ChildExit, output = ''): BasynError {
    const nodeCommand = this.#nodeCommand;
    const { reason, remedy, retryable } = startFailureOf({ nodeCommand, exit, output, errorLines });
    return new BasynError('connection', reason, { remedy, retryable });
  }
}

/**
 * Writes the agent's program. At a low rate, it may take longer than an agent may be silent, and the agent runs when it has
 * arrived: the promise resolves then. Without a limit, it resolves at once.
 */
export async function sendPackage(
  bytes: Uint8Array,
  { stdin, bytesPerSecond }: RemoteCommand,
  timeoutMs: number,
): Promise<void> {
  const sent = new Promise<void>((resolve) => stdin.write(bytes, () => resolve()));
  if (bytesPerSecond === undefined) return;
  const durationMs = (bytes.byteLength / bytesPerSecond) * 1000;
  await Promise.race([sent, sleep(timeoutMs + durationMs, undefined, { ref: false })]);
}

/** Whether the agent does not run on this version of node. */
export function isTooOld(version: string): boolean {
  return Number.parseInt(version, 10) < oldestAgentNode;
}

/**
 * Text before the banner comes from a profile, and the banner follows, or from a program that runs instead of node, and
 * that ends.
 *
 * @returns undefined where the banner follows after all, or the command does not end.
 */
export function exitWithoutBanner({ stdout, exit }: RemoteCommand): Promise<ChildExit | undefined> {
  let seen = '';
  const banner = new Promise<undefined>((resolve) => {
    stdout.on('data', (bytes: Buffer) => {
      seen = (seen + bytes.toString('latin1')).slice(-bounds.maxBannerBytes);
      if (seen.includes(`${bannerWord} 1 `)) resolve(undefined);
    });
  });
  return Promise.race([exit, banner, sleep(bounds.otherTextGraceMs, undefined, { ref: false })]);
}
