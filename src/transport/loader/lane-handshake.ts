import { BasynError } from '../../errors.ts';
import { laneConfirmation } from '../../protocol/banner.ts';
import { endInWords } from '../child.ts';
import { reasonIn } from '../stderr-reason.ts';
import { readBanner } from './banner.ts';
import type { Handshake, RemoteCommand } from './loader.ts';

/** Joins a further lane to the run: the token admits it, and the confirmation after the banner opens it. */
export class LaneHandshake implements Handshake {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  async perform(remote: RemoteCommand, timeoutMs: number): Promise<void> {
    const { stdin, stdout } = remote;
    stdin.write(this.#token);
    if ((await readBanner(stdout, timeoutMs)) === undefined) {
      const exit = await remote.exit;
      throw new BasynError('connection', reasonIn(remote.errorLines) ?? `ssh ${endInWords(exit)}`);
    }
    stdin.write(laneConfirmation);
  }
}
