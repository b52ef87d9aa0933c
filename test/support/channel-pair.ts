import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import { Channel } from '../../src/link/channel.ts';
import { MemoryWire } from '../../src/link/memory-wire.ts';

/**
 * Both ends of a conversation in memory, until the test ends.
 *
 * @param there carries the messages of the first to the second.
 */
export function channelPair(there: Duplex = new MemoryWire()): [local: Channel, agent: Channel] {
  const [local, agent] = [new Channel(), new Channel()];
  const back = new MemoryWire();
  local.addLane({ readable: back, writable: there });
  agent.addLane({ readable: there, writable: back });
  onTestFinished(() => {
    local.destroy();
    agent.destroy();
  });
  return [local, agent];
}
