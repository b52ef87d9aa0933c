import { copyFileSync, existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MiB, sideOf, useWorkshop, type Wiring } from '../support/fault-workshop.ts';
import { useSshServer } from '../support/ssh-server.ts';
import { falseSuccesses, parseTrace, readTrace, traceCommand } from '../support/storage-trace.ts';

const server = useSshServer();
const workshop = useWorkshop(server);

describe('success is reported only after everything that was written is durable', () => {
  test.each<[string, Wiring, number, string[]]>([
    ['a SYNC to a remote target', { action: 'PUSH', over: 'ssh' }, 3 * MiB, ['--mode=SYNC']],
    ['a COPY to a remote target', { action: 'PUSH', over: 'ssh' }, 5 * MiB, ['--mode=COPY']],
    ['a SYNC from a remote source', { action: 'POP', over: 'ssh' }, 5 * MiB, ['--mode=SYNC', '--recheck']],
    ['a COPY from a remote source', { action: 'POP', over: 'ssh' }, 3 * MiB, ['--mode=COPY']],
    ['a SYNC on one machine', { action: 'PUSH', over: 'here' }, 3 * MiB, ['--mode=SYNC']],
    ['a COPY on one machine, by many threads', { action: 'PUSH', over: 'here' }, 40 * MiB, ['--mode=COPY']],
  ])('at every point of %s', async (name, wiring, sizeBytes, more) => {
    const pair = workshop.pair(sizeBytes);
    const log = workshop.path(`strace of ${name}`.replaceAll(/\W/g, '-'));
    // A further lane would be another process, and its record would replace that of the agent.
    const isRemote = wiring.over === 'ssh' && sideOf(wiring, 'target') === 'remote';
    const result = await workshop.run(
      wiring,
      pair,
      [
        '--verbose',
        '--lanes=1',
        ...more,
        ...(isRemote ? [`--remote-node=${traceCommand(log).join(' ')} node`] : []),
      ],
      { ...(isRemote ? {} : { prefix: traceCommand(log) }), env: { UV_USE_IO_URING: '0' } },
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(existsSync(log)).toBe(true);

    const events = readTrace(log, pair.target);
    const count = (kind: string): number => events.filter((event) => event.kind === kind).length;
    // The record is complete: it contains everything that a run that wrote the whole target must have done.
    expect(count('write-end')).toBeGreaterThanOrEqual(sizeBytes / MiB / 2);
    expect(count('write-end')).toBe(count('write-begin'));
    expect(count('flush-end')).toBeGreaterThanOrEqual(1);
    const words = events.flatMap((event) => (event.kind === 'success' ? [event.what] : []));
    if (wiring.over === 'ssh') expect(words).toContain('finished');
    if (!isRemote) expect(words).toContain('all done');
    expect(words).toContain('exit code 0');

    expect(falseSuccesses(events)).toEqual([]);
  });
});

describe('success is reported only after the data that was found equal is durable', () => {
  test.each<[string, Wiring, string[]]>([
    ['a remote target', { action: 'PUSH', over: 'ssh' }, []],
    ['a remote target, with a recheck', { action: 'PUSH', over: 'ssh' }, ['--recheck']],
    ['a remote source', { action: 'POP', over: 'ssh' }, []],
    ['both on one machine', { action: 'PUSH', over: 'here' }, []],
    ['both on one machine, with a recheck', { action: 'PUSH', over: 'here' }, ['--recheck']],
  ])('%s', async (name, wiring, more) => {
    const pair = workshop.pair(3 * MiB);
    copyFileSync(pair.source, pair.target);
    const log = workshop.path(`strace of ${name}`.replaceAll(/\W/g, '-'));
    const isRemote = wiring.over === 'ssh' && sideOf(wiring, 'target') === 'remote';
    const node = isRemote ? [`--remote-node=${traceCommand(log).join(' ')} node`] : [];
    const result = await workshop.run(
      wiring,
      pair,
      ['--mode=SYNC', '--verbose', '--lanes=1', ...more, ...node],
      {
        ...(isRemote ? {} : { prefix: traceCommand(log) }),
        env: { UV_USE_IO_URING: '0' },
      },
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });

    const events = readTrace(log, pair.target);
    expect(events.filter(({ kind }) => kind === 'write-end')).toEqual([]);
    const words = events.flatMap((event) => (event.kind === 'success' ? [event.what] : []));
    expect(words).toContain(isRemote ? 'finished' : 'all done');
    expect(falseSuccesses(events)).toEqual([]);
  });
});

describe('the check of a record', () => {
  const write = '7 pwrite64(17</dev/x>, "..."..., 4096, 0) = 4096\n';
  const flush = '8 fdatasync(17</dev/x>) = 0\n';
  const finished =
    String.raw`9 writev(1<pipe:[1]>, [{iov_base="\xba\x57\x0b\xf4\x00\x00"...}], 1) = 8` + '\n';

  test.each([
    ['a flush after the last write', write + flush + finished, 0],
    ['nothing written, and a flush', flush + finished, 0],
    ['nothing written, and no flush', finished, 1],
    ['no flush', write + finished, 1],
    ['a flush before the last write', write + flush + write + finished, 1],
    ['a flush that failed', write + '8 fdatasync(17</dev/x>) = -1 EIO (Input/output error)\n' + finished, 1],
    ['a flush of another file', write + '8 fdatasync(18</dev/y>) = 0\n' + finished, 1],
    [
      'a flush that has not ended',
      write + '8 fdatasync(17</dev/x> <unfinished ...>\n' + finished + '8 <... fdatasync resumed>) = 0\n',
      1,
    ],
    [
      'a write that was in progress when the flush began',
      '7 pwrite64(17</dev/x>, "..."..., 4096, 0 <unfinished ...>\n' +
        flush +
        '7 <... pwrite64 resumed>) = 4096\n' +
        finished,
      1,
    ],
    ['an exit before the flush', write + '9 exit_group(0) = ?\n' + flush, 1],
  ])('%s', (_name, log, wrong) => {
    expect(falseSuccesses(parseTrace(log, '/dev/x'))).toHaveLength(wrong);
  });
});
