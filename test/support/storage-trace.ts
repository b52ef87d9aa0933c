import { readFileSync } from 'node:fs';

/** What a target did to its device and reported about it, in the order in which the kernel saw it. */
export type StorageEvent =
  | { readonly kind: 'write-begin' | 'write-end' | 'flush-begin' | 'flush-end'; readonly thread: string }
  | { readonly kind: 'success'; readonly what: string };

/** The command that records a target; the program to be recorded follows. */
export function traceCommand(logPath: string): string[] {
  const calls = 'write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync,exit_group';
  return [
    'strace',
    '-f',
    '-y',
    '-x',
    '-s',
    '4096',
    '-e',
    `trace=${calls}`,
    '-e',
    'signal=none',
    '-o',
    logPath,
  ];
}

/** The header of a `finished` frame, as strace writes bytes. */
const finishedFrame = String.raw`\xba\x57\x0b\xf4`;
/** The last line of `--verbose`. */
const lastWords = 'all done';

/** Reads a record; the device is known by its path. */
export function readTrace(logPath: string, devicePath: string): StorageEvent[] {
  return parseTrace(readFileSync(logPath, 'latin1'), devicePath);
}

export function parseTrace(log: string, devicePath: string): StorageEvent[] {
  const events: StorageEvent[] = [];
  /** Threads whose call on the device has begun but not ended. */
  const underWay = new Map<string, 'write' | 'flush'>();
  for (const line of log.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = rest.startsWith('<... ');
    const isEnd = !rest.includes('<unfinished ...>');
    if (!resumed) {
      if (rest.startsWith('exit_group(0)')) events.push({ kind: 'success', what: 'exit code 0' });
      if (rest.includes(finishedFrame)) events.push({ kind: 'success', what: 'finished' });
      if (rest.includes(lastWords)) events.push({ kind: 'success', what: lastWords });
      if (!rest.includes(`<${devicePath}>`)) continue;
      const call = /^f(data)?sync\(/.test(rest) ? 'flush' : 'write';
      events.push({ kind: `${call}-begin`, thread });
      underWay.set(thread, call);
    }
    const call = underWay.get(thread);
    if (call === undefined || !isEnd) continue;
    underWay.delete(thread);
    // A flush that failed has made nothing durable.
    if (call === 'write' || rest.trimEnd().endsWith('= 0')) events.push({ kind: `${call}-end`, thread });
  }
  return events;
}

/**
 * Examines every prefix of a run, as a crash at that point would leave it.
 *
 * @returns the faults: reports of success before all writes and a later flush had ended. A run that
 *   writes nothing needs a flush as well: another program may have written what it found equal.
 */
export function falseSuccesses(events: readonly StorageEvent[]): string[] {
  const wrong: string[] = [];
  let writesUnderWay = 0;
  /** The number of writes that had ended, and the number of them that a completed flush covers. */
  let ended = 0;
  let durable = 0;
  let flushes = 0;
  const coveredBy = new Map<string, number>();
  for (const event of events) {
    switch (event.kind) {
      case 'write-begin':
        writesUnderWay++;
        break;
      case 'write-end':
        writesUnderWay--;
        ended++;
        break;
      case 'flush-begin':
        coveredBy.set(event.thread, ended);
        break;
      case 'flush-end':
        flushes++;
        durable = Math.max(durable, coveredBy.get(event.thread) ?? 0);
        break;
      case 'success':
        // Programs that the run has started also exit. Only the run's own output means that it has flushed.
        if (writesUnderWay > 0 || durable < ended || (flushes === 0 && event.what !== 'exit code 0')) {
          wrong.push(
            `"${event.what}" with ${writesUnderWay} writes under way, ${durable} of ${ended} durable, ${flushes} flushes`,
          );
        }
    }
  }
  return wrong;
}
