import type { Readable } from 'node:stream';
import { BasynError, type Remedy } from '../errors.ts';
import { limits } from '../limits.ts';
import { bannerWord } from '../protocol/banner.ts';
import { oldestAgentNode } from './bootstrap.ts';

/** Text in place of the hello. */
export class OtherText extends BasynError {
  readonly text: string;

  constructor(text: string) {
    const said = JSON.stringify(text.slice(0, 80));
    super(
      'connection',
      `its shell prints text before node starts (${said}): make its profile silent where nobody sits at a terminal`,
    );
    this.text = text;
  }
}

/**
 * Reads the loader's hello from the front of a stream, which is then paused just behind it.
 *
 * @returns the version of the remote node; undefined where the stream ended before any text.
 * @throws {BasynError} `connection`, where something else comes, or nothing in time.
 */
export function readBanner(stream: Readable, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const timer = setTimeout(() => {
      const seconds = Math.round(timeoutMs / 1000);
      fail(
        `no answer from node there within ${seconds} seconds: the host or the link to it hangs`,
        'longer-timeout',
      );
    }, timeoutMs);
    const leave = (): void => {
      clearTimeout(timer);
      stream.off('data', take).off('end', end).off('error', end);
      stream.pause();
    };
    const fail = (reason: string, remedy: Remedy): void => {
      leave();
      reject(new BasynError('connection', reason, { remedy }));
    };
    const take = (bytes: Buffer): void => {
      seen = Buffer.concat([seen, bytes]);
      const newline = seen.indexOf(10);
      if (newline < 0 && seen.byteLength < limits.maxBannerBytes) return;
      const line = seen.toString('utf8', 0, newline < 0 ? limits.maxBannerBytes : newline);
      const version = new RegExp(`^${bannerWord} 1 (\\d+\\.\\d+\\.\\d+[\\w.+-]*)$`).exec(line)?.[1];
      if (version === undefined) {
        leave();
        reject(otherVersion(line) ?? new OtherText(line));
        return;
      }
      leave();
      if (newline + 1 < seen.byteLength) stream.unshift(seen.subarray(newline + 1));
      resolve(version);
    };
    const end = (): void => {
      leave();
      resolve(undefined);
    };
    stream.on('data', take).on('end', end).on('error', end);
  });
}

/** The hello of a loader that is not of this version. */
function otherVersion(line: string): BasynError | undefined {
  const bootstrap = new RegExp(`^${bannerWord} (\\d+)(?: |$)`).exec(line)?.[1];
  if (bootstrap === undefined || bootstrap === '1') return undefined;
  const said = JSON.stringify(line.slice(0, 80));
  return new BasynError(
    'connection',
    `another version of Basyn starts there (${said}): use the same version on both machines`,
    { remedy: 'other-node' },
  );
}

export function isTooOld(version: string): boolean {
  return Number.parseInt(version, 10) < oldestAgentNode;
}
