import type { LinkCounters, LinkOptions } from './relay-link.ts';
import type { RelayCommand, RelayMessage } from './relay-program.ts';
import { nextMessage, startProgram } from '../processes/program.ts';

export interface RelayOptions extends LinkOptions {
  /** On 127.0.0.1. */
  readonly targetPort: number;
}

/** A running relay: what connects to `port` reaches the target over the link. */
export interface Relay {
  readonly port: number;
  readonly pid: number;
  /** The bytes that the link has carried so far. */
  counters(): Promise<LinkCounters>;
  /** Breaks the link now: it resets all existing and new connections. */
  cut(): Promise<LinkCounters>;
  /** Stalls the link: it carries nothing more, but all connections stay open. */
  stall(): Promise<LinkCounters>;
  stop(): Promise<void>;
}

/** Starts a link to a loopback port, in a process of its own; all connections to it share its limits. */
export async function startRelay({ targetPort, ...link }: RelayOptions): Promise<Relay> {
  const flags = {
    '--port': targetPort,
    '--delay-ms': link.delayMs,
    '--bandwidth-mbit': link.bandwidthMbit,
    '--cut-after-bytes': link.cutAfterBytes,
    '--cut-after-ms': link.cutAfterMs,
    '--stall-after-bytes': link.stallAfterBytes,
  };
  const args = Object.entries(flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [flag, `${value}`],
  );
  for (const { kind, afterBytes } of link.passingFaults ?? [])
    args.push('--passing-fault', `${kind}:${afterBytes}`);
  const program = await startProgram('rig/relay/relay-program.ts', ['--listen', ...args]);
  const { child } = program;
  const ready = await nextMessage<RelayMessage>(program);
  if (ready.kind !== 'listening') throw new Error(`unexpected from the relay: ${ready.kind}`);

  const command = async (name: RelayCommand): Promise<LinkCounters> => {
    const answer = nextMessage<LinkCounters>(program);
    child.send(name);
    return answer;
  };
  return {
    port: ready.port,
    pid: child.pid!,
    counters: () => command('counters'),
    cut: () => command('cut'),
    stall: () => command('stall'),
    stop: () => program.stop(),
  };
}
