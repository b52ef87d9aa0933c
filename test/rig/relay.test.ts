import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../rig/processes/command.ts';
import { assertNothingLeft, snapshotProcesses, type ProcessSnapshot } from '../../rig/processes/processes.ts';
import { startRelay, type Relay, type RelayOptions } from '../../rig/relay/relay.ts';
import { sshArguments, startSshServer } from '../../rig/ssh/index.ts';

const MIB = 1024 * 1024;
/**
 * A link is never faster than configured. The load of the machine makes it slower (on an idle machine by
 * 2 ms and 3 %), so the fastest of a few measurements counts.
 */
const measurementsMax = 5;

/** Sends back whatever it receives, except to a connection that begins with `!`: it only counts that. */
let echo: Server;
let before: ProcessSnapshot;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  before = snapshotProcesses();
  echo = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      if (first[0] === '!'.charCodeAt(0)) {
        socket.on('data', () => undefined);
        socket.on('end', () => socket.end('counted'));
      } else {
        socket.write(first);
        socket.pipe(socket);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
});
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
  await assertNothingLeft(before);
});
afterAll(() => {
  echo.close();
});

test('carries bytes and ends of file unchanged in both directions', async () => {
  const relay = await relayToEcho({});
  const socket = await dial(relay);
  const sent = Buffer.alloc(8 * MIB, 'abcdefg');
  socket.end(sent);
  expect(Buffer.concat(await socket.toArray()).equals(sent)).toBe(true);
  expect(await relay.counters()).toMatchObject({ bytesForward: sent.length, bytesBack: sent.length });
});

test.each([5, 25, 100])('delays by %d ms in each direction', async (delayMs) => {
  const relay = await relayToEcho({ delayMs });
  const socket = await dial(relay);
  const roundTripsMs: number[] = [];
  for (let count = 0; count < 10; count += 1) {
    const startedMs = performance.now();
    socket.write('ping');
    await once(socket, 'data');
    roundTripsMs.push(performance.now() - startedMs);
  }
  socket.destroy();
  const shortestMs = Math.min(...roundTripsMs);
  expect(shortestMs).toBeGreaterThan(2 * delayMs - 2);
  expect(shortestMs).toBeLessThan(2 * delayMs + 50);
});

test.each([
  { bandwidthMbit: 20, bytes: 2 * MIB, connections: 1 },
  { bandwidthMbit: 200, bytes: 16 * MIB, connections: 1 },
  { bandwidthMbit: 200, bytes: 16 * MIB, connections: 4 },
])('carries $bandwidthMbit Mbit/s in $connections connections together', async (link) => {
  const { bandwidthMbit, bytes, connections } = link;
  const relay = await relayToEcho({ bandwidthMbit, delayMs: 5 });
  const measure = async (): Promise<number> => {
    const startedMs = performance.now();
    await Promise.all(
      Array.from({ length: connections }, async () => {
        const socket = await dial(relay);
        socket.end(Buffer.alloc(bytes / connections, '!'));
        await socket.toArray();
      }),
    );
    return (bytes * 8) / 1000 / (performance.now() - startedMs - 10);
  };
  let fastestMbit = 0;
  for (let count = 0; count < measurementsMax && fastestMbit <= 0.5 * bandwidthMbit; count += 1) {
    fastestMbit = Math.max(fastestMbit, await measure());
  }
  expect(fastestMbit).toBeGreaterThan(0.5 * bandwidthMbit);
  expect(fastestMbit).toBeLessThan(1.1 * bandwidthMbit);
});

test('breaks all connections after a number of bytes, and refuses new ones', async () => {
  const relay = await relayToEcho({ cutAfterBytes: 3 * MIB + 1, delayMs: 1 });
  const idle = await dial(relay);
  const socket = await dial(relay);
  socket.write(Buffer.alloc(8 * MIB));
  await Promise.all([expectReset(idle), expectReset(socket)]);
  await expectReset(connectTo(relay));
  expect(await total(relay)).toBe(3 * MIB + 1);
});

test('breaks after a time', async () => {
  const relay = await relayToEcho({ cutAfterMs: 200 });
  const startedMs = performance.now();
  await expectReset(connectTo(relay));
  expect(performance.now() - startedMs).toBeGreaterThan(190);
});

test('stalls after a number of bytes, and keeps its connections open', async () => {
  const relay = await relayToEcho({ stallAfterBytes: MIB });
  const socket = await dial(relay);
  let closed = false;
  socket.on('close', () => (closed = true));
  socket.resume();
  socket.write(Buffer.alloc(2 * MIB));
  await expect.poll(() => total(relay)).toBe(MIB);
  await new Promise((resume) => setTimeout(resume, 200));
  expect(await total(relay)).toBe(MIB);
  expect(closed).toBe(false);
  socket.destroy();
});

test('breaks and stalls on command', async () => {
  const stalled = await relayToEcho({});
  const socket = await dial(stalled);
  await stalled.stall();
  socket.write('ping');
  await new Promise((resume) => setTimeout(resume, 100));
  expect(await total(stalled)).toBe(0);
  await Promise.all([expectReset(socket), stalled.cut()]);
});

test('holds back a sender whose receiver doesn’t read', async () => {
  const deaf = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  const relay = await relayTo({ targetPort: (deaf.address() as AddressInfo).port, delayMs: 5 });
  const socket = await dial(relay);
  socket.write(Buffer.alloc(64 * MIB));
  await new Promise((resume) => setTimeout(resume, 500));
  expect((await relay.counters()).bytesForward).toBeLessThan(16 * MIB);
  expect(socket.writableLength).toBeGreaterThan(32 * MIB);
  socket.destroy();
  deaf.close();
});

test('carries ssh on another port, with the server’s host key still known', async () => {
  const server = await startSshServer();
  running.push(server);
  const relay = await relayTo({ targetPort: server.port, delayMs: 10 });
  const result = await runCommand('ssh', [...sshArguments(server, relay.port), 'echo there']);
  expect(result).toMatchObject({ exitCode: 0, stdout: 'there\n' });
});

test('is also an ssh ProxyCommand', async () => {
  const server = await startSshServer();
  running.push(server);
  const program = resolve(import.meta.dirname, '../../rig/relay/relay-program.ts');
  const proxy = `ProxyCommand=${process.execPath} --import tsx ${program} --port %p --delay-ms 10`;
  const result = await runCommand('ssh', ['-o', proxy, ...sshArguments(server), 'echo there']);
  expect(result).toMatchObject({ exitCode: 0, stdout: 'there\n', stderr: '' });
});

function relayToEcho(link: Omit<RelayOptions, 'targetPort'>): Promise<Relay> {
  return relayTo({ ...link, targetPort: (echo.address() as AddressInfo).port });
}

async function relayTo(options: RelayOptions): Promise<Relay> {
  const relay = await startRelay(options);
  running.push(relay);
  return relay;
}

async function dial(relay: Relay): Promise<Socket> {
  const socket = connectTo(relay);
  await once(socket, 'connect');
  return socket;
}

function connectTo(relay: Relay): Socket {
  return connect({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
}

async function expectReset(socket: Socket): Promise<void> {
  socket.resume();
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
}

async function total(relay: Relay): Promise<number> {
  const { bytesForward, bytesBack } = await relay.counters();
  return bytesForward + bytesBack;
}
