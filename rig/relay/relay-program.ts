/**
 * A network link in a process: latency, a bandwidth cap, and faults, between loopback ports.
 *
 * `--listen` accepts any number of connections, which share one link (one cap, one fault), as the
 * lanes of one run share a line. Without it, one connection is carried between stdin/stdout and the
 * target: an ssh ProxyCommand. Connections are made at once; only their bytes are delayed.
 *
 *     node relay.mjs --listen --port 22 --delay-ms 25 --bandwidth-mbit 1000
 *     ssh -o ProxyCommand='node relay.mjs --port %p --delay-ms 25' localhost
 */

import { connect, createServer, Socket, type AddressInfo, type SocketConstructorOpts } from 'node:net';
import { parseArgs } from 'node:util';
import { Link, type End, type LinkCounters, type PassingFault } from './relay-link.ts';
import { Intake } from './relay-memory.ts';

/** What the process that started a listening relay may send to it over Node's IPC channel. */
export type RelayCommand = 'counters' | 'cut' | 'stall';

/** What a listening relay answers. */
export type RelayMessage =
  { readonly kind: 'listening'; readonly port: number } | ({ readonly kind: 'counters' } & LinkCounters);

function main(): void {
  const number = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      listen: { type: 'boolean' },
      host: { type: 'string', default: '127.0.0.1' },
      port: number,
      'delay-ms': number,
      'bandwidth-mbit': number,
      'cut-after-bytes': number,
      'cut-after-ms': number,
      'stall-after-bytes': number,
      'passing-fault': { type: 'string', multiple: true, default: [] },
    },
  });
  const numeric = (text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text === '' || !(value >= 0)) throw new Error(`not a number: ${text}`);
    return value;
  };
  const port = numeric(values.port);
  if (port === undefined) throw new Error('--port is needed');
  const target = { host: values.host, port };
  const link = new Link({
    delayMs: numeric(values['delay-ms']),
    bandwidthMbit: numeric(values['bandwidth-mbit']),
    cutAfterBytes: numeric(values['cut-after-bytes']),
    cutAfterMs: numeric(values['cut-after-ms']),
    stallAfterBytes: numeric(values['stall-after-bytes']),
    passingFaults: values['passing-fault'].map(passingFault),
  });
  if (values.listen === true) listen(link, target);
  else carryStdio(link, target);
}

/** "reset:4096". */
function passingFault(text: string): PassingFault {
  const [, kind, bytes] = /^(reset|silence):(\d+)$/.exec(text) ?? [];
  if (bytes === undefined) throw new Error(`not a fault: ${text}`);
  return { kind: kind as PassingFault['kind'], afterBytes: Number(bytes) };
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function listen(link: Link, target: Address): void {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (accepted) => {
    link.carry(adopt(link, accepted), dial(link, target));
  });
  server.listen({ host: '127.0.0.1', port: 0, backlog: 128 }, () => {
    const { port } = server.address() as AddressInfo;
    if (process.send === undefined) process.stdout.write(`listening on ${port}\n`);
    else tell({ kind: 'listening', port });
  });
  process.on('message', (command: RelayCommand) => {
    if (command === 'cut') link.cut();
    else if (command === 'stall') link.stall();
    tell({ kind: 'counters', ...link.counters });
  });
  process.on('disconnect', () => process.exit());
}

function tell(message: RelayMessage): void {
  process.send?.(message);
}

function carryStdio(link: Link, target: Address): void {
  const far = dial(link, target);
  const intake = new Intake(link.packetBytes);
  const source = socketOver({ fd: 0, readable: true, writable: false }, intake);
  // process.stdout would write to a pipe synchronously and hold up the other direction.
  const sink = new Socket({ fd: 1, readable: false, writable: true });
  link.carry({ intake, source, sink }, far);
  far.source.on('close', () => process.exit());
}

function dial(link: Link, target: Address): End {
  const intake = new Intake(link.packetBytes);
  const socket = connect({ ...target, allowHalfOpen: true, noDelay: true, onread: intake.onread });
  return { intake, source: socket, sink: socket };
}

/**
 * The accepted connection as a socket that reads into pooled memory, for which `createServer` has no
 * option. Reads into fresh memory, as a plain `pipe` does them, halve the throughput by page faults.
 */
function adopt(link: Link, accepted: Socket): End {
  const intake = new Intake(link.packetBytes);
  const { _handle: handle } = accepted as unknown as { _handle: unknown };
  const socket = socketOver({ handle, allowHalfOpen: true }, intake);
  return { intake, source: socket, sink: socket };
}

function socketOver(options: object, intake: Intake): Socket {
  // The types know `onread` for `connect` only; Node takes it here too, and documents it.
  return new Socket({ ...options, onread: intake.onread } as SocketConstructorOpts);
}

main();
