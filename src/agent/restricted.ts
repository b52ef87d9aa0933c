import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { BasynError } from '../errors.ts';
import { bounds } from '../limits.ts';
import { Channel } from '../link/channel.ts';
import { bannerLine } from '../protocol/banner.ts';
import type { RunAttempt } from '../protocol/schemas.ts';
import type { AgentPolicy } from '../session/agent-end.ts';
import { serveConversation } from './conversation.ts';
import { Deadline } from './deadline.ts';
import { endPredecessors } from './predecessor.ts';
import { ProgramSkipper } from './program-skipper.ts';
import { logRefusal } from './refusal-log.ts';
import { policyOf, type Restriction } from './restriction.ts';
import { standardStreams } from './standard-streams.ts';

/**
 * Serves one conversation on stdin and stdout, which are pipes or sockets, within a restriction. It ends the process after the
 * conversation.
 *
 * @param threadProgram the program of the agent's threads.
 * @throws {BasynError} `protocol`, where the client is not Basyn; `connection`, where it does not begin in time.
 */
export async function serveRestricted(restriction: Restriction, threadProgram: string): Promise<never> {
  const client = clientAddress();
  keepEnvironmentOf(process.env);
  const channel = new Channel();
  const streams = standardStreams(channel.memory);
  streams.writable.once('error', () => process.exit(2));
  const deadline = new Deadline(bounds.openTimeoutMs);
  const log = (reason: BasynError): void => logRefusal(reason.message, client);
  const answerBanner = (lengthBytes: number): void => {
    // Not before the length: other programs than Basyn do not understand it.
    streams.writable.write(bannerLine(process.versions.node));
    deadline.restart(bounds.openTimeoutMs + (lengthBytes / bounds.minBytesPerSecond) * 1000);
  };
  const policy = policyOf(restriction, log);
  const admit: AgentPolicy['admit'] = (open) => {
    deadline.stop();
    return policy.admit(open);
  };
  const conversation = skipProgram(streams.readable, answerBanner).then((rest) => {
    deadline.restart(bounds.openTimeoutMs);
    channel.addLane(streams);
    streams.readable.emit('data', rest);
    return serveConversation({
      channel,
      streams,
      threadProgram,
      host: {
        hosts: 'two',
        policy: { ...policy, admit },
        // Forwarded ports would lead to every service of this host.
        listenForLanes: () => Promise.resolve(null),
        endPredecessors: (run, timeoutMs) => endPredecessors(runWithin(restriction, run), timeoutMs),
      },
    });
  });
  try {
    return await Promise.race([conversation, deadline.missed]);
  } catch (thrown) {
    const error = BasynError.from(thrown);
    if (error.code === 'protocol') log(error);
    throw error;
  }
}

/**
 * Resolves with a copy of what follows the program.
 *
 * @throws {BasynError} `connection`, where the stream ends before that; `protocol`, where it is not Basyn's.
 */
function skipProgram(readable: Readable, onLength: (lengthBytes: number) => void): Promise<Uint8Array> {
  const skipper = new ProgramSkipper();
  return new Promise((resolve, reject) => {
    let hasBegun = false;
    const exit = (): never => process.exit(2);
    const end = (): void => reject(endedEarly(hasBegun ? 'ended before it began a run' : 'sent nothing'));
    const leave = (): void => {
      readable.off('data', take).off('end', end).off('error', exit);
    };
    const take = (bytes: Uint8Array): void => {
      hasBegun = true;
      try {
        const rest = skipper.push(bytes, onLength);
        if (rest === undefined) return;
        leave();
        resolve(Uint8Array.from(rest));
      } catch (error) {
        leave();
        reject(BasynError.from(error));
      }
    };
    readable.on('data', take).on('end', end).on('error', exit);
  });
}

function endedEarly(what: string): BasynError {
  return new BasynError('connection', `This key is for Basyn only, and the client has ${what}.`);
}

/** An agent ends the earlier ones of its run, which it finds by their names. It must not find those of another key. */
function runWithin(restriction: Restriction, { token, attempt }: RunAttempt): RunAttempt {
  const name = JSON.stringify([token, restriction.allowedPaths, restriction.access]);
  return { token: createHash('sha256').update(name).digest('hex'), attempt };
}

function clientAddress(): string | undefined {
  return /^[\w.:%]+/.exec(process.env.SSH_CONNECTION ?? '')?.[0];
}

/** Clients may set some variables (`AcceptEnv` of sshd), which helper programs must not see. */
function keepEnvironmentOf(environment: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(environment)) {
    if (name !== 'PATH' && name !== 'LD_LIBRARY_PATH') Reflect.deleteProperty(environment, name);
  }
}
