import { bounds } from '../limits.ts';
import { AgentLink, type LinkNeeds } from './agent-link.ts';

/** Where runs get their links to agents. */
export interface AgentLinks {
  /** Whether an agent serves further runs after one that has succeeded. */
  readonly linkUse: 'once' | 'again';
  take(needs: LinkNeeds): Promise<AgentLink>;
  /** A run has succeeded, and does not use its link any more. */
  giveBack(link: AgentLink): Promise<void>;
}

/** Each run has a link of its own. */
export const ownLinks: AgentLinks = {
  linkUse: 'once',
  take: (needs) => Promise.resolve(new AgentLink(needs)),
  giveBack: (link) => link.close(),
};

/**
 * Runs that need the same link use it one after the other, so that they need one login and one start of the agent. Runs at
 * the same time have different links.
 */
export class SharedLinks implements AgentLinks {
  readonly linkUse = 'again';
  readonly #keys = new WeakMap<AgentLink, string>();
  /** The one that was used last comes last. */
  readonly #idle: AgentLink[] = [];

  async take(needs: LinkNeeds): Promise<AgentLink> {
    // The messages of a link are in the trace of the run that has opened it.
    if (needs.trace !== undefined) return new AgentLink(needs);
    const key = keyOf(needs);
    for (;;) {
      const index = this.#idle.findLastIndex((link) => this.#keys.get(link) === key);
      const [link] = index < 0 ? [] : this.#idle.splice(index, 1);
      if (link === undefined) break;
      if (await link.reuse(needs.options)) return link;
      await link.stop();
    }
    const link = new AgentLink(needs);
    this.#keys.set(link, key);
    return link;
  }

  async giveBack(link: AgentLink): Promise<void> {
    if (!this.#keys.has(link) || !link.channel.isReusable) return link.close();
    link.rest();
    this.#idle.push(link);
    if (this.#idle.length > bounds.maxIdleLinks) await this.#idle.shift()!.close();
  }

  /** Ends the agents. No run goes on. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((link) => link.close()));
  }
}

/** Equal for runs that can use the same link. */
function keyOf({ options, order }: LinkNeeds): string {
  const { host, port, user, sshOptions, remoteNode, remoteRuntime, remoteKeep, remoteSudo } = options;
  const { laneCount, peerTimeoutMs, linkBytesPerSecond } = order;
  return JSON.stringify([
    [host, port, user, sshOptions],
    [remoteNode, remoteRuntime, remoteKeep, remoteSudo],
    [laneCount, peerTimeoutMs, linkBytesPerSecond],
  ]);
}
