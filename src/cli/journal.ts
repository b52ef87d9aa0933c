import { fstatSync } from 'node:fs';

/** How much a line matters to someone who reads the journal. */
export type Level = 'error' | 'warning' | 'notice' | 'info' | 'debug';

/** Which of the standard streams lead to the journal of systemd. */
export interface JournalStreams {
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** The numbers of syslog, as systemd takes them at the beginning of a line (sd-daemon(3)). It removes them. */
const numbers: Readonly<Record<Level, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };

export function journalPrefix(level: Level): string {
  return `<${numbers[level]}>`;
}

/**
 * Finds out which streams lead to the journal.
 *
 * @param stream the variable JOURNAL_STREAM: the device and inode of the stream that systemd has opened. It is inherited, so a
 *   stream that was redirected since is another one.
 */
export function journalStreams(stream: string | undefined): JournalStreams {
  const isJournal = (fd: 1 | 2): boolean => {
    if (stream === undefined || stream === '') return false;
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${dev}:${ino}` === stream;
  };
  return { stdout: isJournal(1), stderr: isJournal(2) };
}
