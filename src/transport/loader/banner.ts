import type { Readable } from 'node:stream';
import { BasynError } from '../../errors.ts';
import { bounds } from '../../limits.ts';
import { bannerWord } from '../../protocol/banner.ts';

/** Other text arrived instead of the banner. */
export class OtherText extends BasynError {
  readonly text: string;

  constructor(text: string) {
    const printed = JSON.stringify(text.slice(0, bounds.quotedOutputCharacters));
    super(
      'connection',
      `its shell prints text before node starts (${printed}): make its profile silent in sessions without a terminal`,
    );
    this.text = text;
  }
}

/**
 * Reads the banner from the front of a stream, and pauses the stream just behind it.
 *
 * @returns the version of the remote node; undefined where the stream ended before any text.
 * @throws {BasynError} `connection`, where other text arrives, or nothing within `timeoutMs`.
 */
export function readBanner(stream: Readable, timeoutMs: number): Promise<string | undefined> {
  return readAnswer(stream, timeoutMs, versionPattern);
}

/** What follows the first words of a banner. */
export const versionPattern = /^\d+\.\d+\.\d+[\w.+-]*$/;

/**
 * Reads a line that begins as the banner does, and pauses the stream just behind it.
 *
 * @param pattern of the rest of the line.
 * @returns the rest of the line; undefined where the stream ended before.
 * @throws {BasynError} `connection`, where other text arrives, or nothing within `timeoutMs`.
 */
export function readAnswer(
  stream: Readable,
  timeoutMs: number,
  pattern: RegExp,
  maxBytes: number = bounds.maxBannerBytes,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const timer = setTimeout(() => {
      leave();
      reject(noAnswer(timeoutMs));
    }, timeoutMs);
    const leave = (): void => {
      clearTimeout(timer);
      stream.off('data', take).off('end', end).off('error', end);
      stream.pause();
    };
    const take = (bytes: Buffer): void => {
      seen = Buffer.concat([seen, bytes]);
      const newline = seen.indexOf(10);
      if (newline < 0 && seen.byteLength < maxBytes) return;
      const line = seen.toString('utf8', 0, newline < 0 ? maxBytes : newline);
      const answer = line.startsWith(firstWords) ? line.slice(firstWords.length) : undefined;
      leave();
      if (answer === undefined || !pattern.test(answer)) {
        reject(otherVersion(line) ?? new OtherText(line));
        return;
      }
      if (newline + 1 < seen.byteLength) stream.unshift(seen.subarray(newline + 1));
      resolve(answer);
    };
    const end = (): void => {
      leave();
      resolve(undefined);
    };
    if (stream.readableEnded) {
      end();
      return;
    }
    // An earlier answer has paused it.
    stream.on('data', take).on('end', end).on('error', end).resume();
  });
}

const firstWords = `${bannerWord} 1 `;

function noAnswer(timeoutMs: number): BasynError {
  const seconds = Math.round(timeoutMs / 1000);
  return new BasynError(
    'connection',
    `node there did not answer within ${seconds} seconds; the host or the link to it hangs`,
    { remedy: 'longer-timeout', retryable: true },
  );
}

/** The banner of a loader of another version. */
function otherVersion(line: string): BasynError | undefined {
  const version = new RegExp(`^${bannerWord} (\\d+)(?: |$)`).exec(line)?.[1];
  if (version === undefined || version === '1') return undefined;
  const printed = JSON.stringify(line.slice(0, bounds.quotedOutputCharacters));
  return new BasynError(
    'connection',
    `another version of Basyn starts there (${printed}): use the same version on both hosts`,
    { remedy: 'other-node' },
  );
}
