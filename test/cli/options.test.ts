import { describe, expect, it } from 'vitest';
import { hashNames } from '../../src/digest/hash-names.ts';
import { parseCommand, type Command } from '../../src/cli/options.ts';
import { usageMessage } from './output.fixture.ts';

/** A command line as a shell splits it, without quotes. */
const words = (line: string): string[] => line.split(/\s+/).filter((word) => word !== '');
const both = ['-l', '/dev/sda1', '-r', '/dev/sdb1'];

function run(argv: readonly string[]): Extract<Command, { kind: 'run' }> {
  const command = parseCommand(argv);
  return command.kind === 'run' ? command : expect.fail(`it was read as ${command.kind}`);
}

function syncOptions(...argv: string[]) {
  const { task } = run([...both, '-a', 'PUSH', '-m', 'SYNC', ...argv]);
  return task.kind === 'sync' ? task.options : expect.fail(`it was read as ${task.kind}`);
}

describe('the examples of the specification', () => {
  const endpoints = { local: '/dev/sda1', remote: '/dev/sda1', host: '10.0.0.1' };
  const start = { remoteKeep: false, remoteSudo: false };
  const transfer = {
    action: 'push',
    mode: 'sync',
    recheck: false,
    create: false,
    grow: false,
    skipReadErrors: false,
    force: false,
    discard: false,
    dryRun: false,
    cache: false,
    updateBitmap: false,
    resetBitmap: false,
    trustTarget: false,
    ...start,
  };
  const silent = { stat: false, verbose: false, progress: false, debug: false, json: false };
  const example = '--local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 --action=PUSH --mode=SYNC';

  it.each([
    [example, {}, {}],
    ['-l /dev/sda1 -r /dev/sda1 -h 10.0.0.1 -a PUSH -m SYNC', {}, {}],
    [`${example} --verbose`, {}, { verbose: true }],
    [`${example} --zlevel=0`, { zlevel: 0 }, {}],
    [`${example} --buffer=8192`, { bufferBytes: 8192 * 1024 }, {}],
    [`${example} --chunk=64`, { chunkBytes: 64 * 1024 }, {}],
    [`${example} --recheck`, { recheck: true }, {}],
    [`${example} --stat`, {}, { stat: true }],
  ])('%s', (line, options, display) => {
    expect(run(words(line))).toEqual({
      kind: 'run',
      task: { kind: 'sync', options: { ...endpoints, ...transfer, ...options } },
      display: { ...silent, ...display },
    });
  });

  it('re-check only', () => {
    const { task } = run(words('--local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 --recheck'));
    expect(task).toEqual({ kind: 'recheck', options: { ...endpoints, skipReadErrors: false, ...start } });
  });

  it('re-check only, with a stated source', () => {
    const { task } = run(words('--local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 -a pop --recheck'));
    expect(task).toEqual({
      kind: 'recheck',
      options: { ...endpoints, action: 'pop', skipReadErrors: false, ...start },
    });
  });

  it('with a snapshot', () => {
    const line =
      '--local=/dev/vgroup/sync-mytome --remote=/dev/vcopies/mytome --host=10.0.0.1 --action=PUSH --mode=SYNC';
    const paths = { local: '/dev/vgroup/sync-mytome', remote: '/dev/vcopies/mytome' };
    expect(run(words(line)).task).toEqual({ kind: 'sync', options: { ...endpoints, ...paths, ...transfer } });
  });
});

describe('forms', () => {
  it.each([
    ['local', 'l', '/a'],
    ['remote', 'r', '/b'],
    ['host', 'h', 'bkp.corp.site'],
    ['port', 'p', '2222'],
    ['user', 'u', 'root'],
    ['action', 'a', 'POP'],
    ['mode', 'm', 'COPY'],
  ])('--%s and -%s', (long, short, value) => {
    const all = new Map([
      ['local', '/x'],
      ['remote', '/y'],
      ['host', 'z'],
      ['action', 'PUSH'],
      ['mode', 'SYNC'],
    ]);
    all.delete(long);
    const others = [...all].map(([name, other]) => `--${name}=${other}`);
    const expected = run([...others, `--${long}=${value}`]);
    expect(JSON.stringify(expected.task.options).toLowerCase()).toContain(value.toLowerCase());
    expect(run([...others, `--${long}`, value])).toEqual(expected);
    expect(run([...others, `-${short}`, value])).toEqual(expected);
    expect(run([...others, `-${short}${value}`])).toEqual(expected);
  });

  it('a value may contain "=", spaces and dashes', () => {
    const { task } = run(['--local=/a=b -c', '--remote=-r', '-h', 'z', '--remote-node', 'sudo -n node']);
    expect(task.options).toMatchObject({ local: '/a=b -c', remote: '-r', remoteNode: 'sudo -n node' });
  });

  it('--ssh-option may be repeated, and keeps its order', () => {
    const { task } = run([...both, '-hz', '--ssh-option', 'ProxyJump=a', '--ssh-option=Port=2']);
    expect(task.options).toMatchObject({ sshOptions: ['ProxyJump=a', 'Port=2'] });
  });
});

describe('values', () => {
  it.each([
    ['PUSH', 'push'],
    ['push', 'push'],
    ['Pop', 'pop'],
    ['PULL', 'pop'],
    ['pull', 'pop'],
  ])('--action=%s', (word, action) => {
    expect(run([...both, '-a', word, '-m', 'copy']).task).toMatchObject({
      kind: 'sync',
      options: { action, mode: 'copy' },
    });
  });

  it.each(hashNames)('--hash=%s, in any case', (hash) => {
    expect(syncOptions(`--hash=${hash}`).hash).toBe(hash);
    expect(syncOptions(`--hash=${hash.toLowerCase()}`).hash).toBe(hash);
  });

  it.each([
    ['--compress=zstd', { compress: 'zstd' }],
    ['--compress=ZLIB', { compress: 'zlib' }],
    ['--compress=none', { compress: 'none' }],
    ['--zlevel=9', { zlevel: 9 }],
    ['--lanes=1', { lanes: 1 }],
    ['--lanes=16', { lanes: 16 }],
    ['--timeout=1', { timeoutMs: 1000 }],
    ['--timeout=86400', { timeoutMs: 86_400_000 }],
    ['--buffer=1', { bufferBytes: 1024 }],
    ['--buffer=1048576', { bufferBytes: 2 ** 30 }],
    ['--chunk=2048', { chunkBytes: 2 ** 21 }],
    ['--buffer=8M', { bufferBytes: 8 * 2 ** 20 }],
    ['--chunk=64K', { chunkBytes: 64 * 1024 }],
    ['--chunk=64k', { chunkBytes: 64 * 1024 }],
    ['--buffer=1G', { bufferBytes: 2 ** 30 }],
    ['--create', { create: true, force: false, dryRun: false }],
    ['--grow', { create: false, grow: true }],
    ['--skip-read-errors', { skipReadErrors: true }],
    ['--snapshot', { snapshot: true }],
    ['--snapshot=10G', { snapshot: 10 * 2 ** 30 }],
    ['--snapshot=2048', { snapshot: 2 ** 21 }],
    ['--force', { create: false, force: true, dryRun: false }],
    ['--dry-run', { create: false, force: false, dryRun: true }],
  ])('%s', (option, expected) => {
    expect(syncOptions(option)).toMatchObject(expected);
  });

  it('options that are not given are left to the library', () => {
    expect(Object.keys(syncOptions()).sort()).toEqual(
      [
        'local',
        'remote',
        'action',
        'mode',
        'recheck',
        'create',
        'grow',
        'force',
        'discard',
        'dryRun',
        'skipReadErrors',
        'cache',
        'updateBitmap',
        'resetBitmap',
        'trustTarget',
        'remoteKeep',
        'remoteSudo',
      ].sort(),
    );
    expect(run(both).task).toEqual({
      kind: 'inspect',
      options: { local: '/dev/sda1', remote: '/dev/sdb1', remoteKeep: false, remoteSudo: false },
    });
  });

  it.each(['stat', 'verbose', 'progress', 'debug', 'json'] as const)('--%s', (flag) => {
    const { display } = run([...both, `--${flag}`]);
    expect(Object.entries(display).filter(([, on]) => on)).toEqual([[flag, true]]);
  });
});

describe('commands', () => {
  it.each([
    ['', { kind: 'usage' }],
    ['--help', { kind: 'help' }],
    ['--version', { kind: 'version' }],
    ['--nonsense --help', { kind: 'help' }],
  ])('basyn %s', (line, command) => {
    expect(parseCommand(words(line))).toEqual(command);
  });
});

describe('wrong command lines', () => {
  const given = '-l /a -r /b';
  const sync = `${given} -a PUSH -m SYNC`;

  it.each([
    ['--lokal=/a', 'Unknown option --lokal: did you mean --local?'],
    ['--dryrun', 'Unknown option --dryrun: did you mean --dry-run?'],
    ['--porgress', 'Unknown option --porgress: did you mean --progress?'],
    ['--act=PUSH', 'Unknown option --act: did you mean --action?'],
    ['--Local=/a', 'Unknown option --Local: did you mean --local?'],
    ['--nonsense', 'Unknown option --nonsense: basyn --help lists the options.'],
    ['--constructor', 'Unknown option --constructor: basyn --help lists the options.'],
    ['-x', 'Unknown option -x: basyn --help lists the options.'],
    ['-v', 'Unknown option -v: basyn --help lists the options.'],
    ['-local=/a', 'Unknown option -local: did you mean --local?'],
    ['-help', 'Unknown option -help: did you mean --help?'],
    ['-verbose', 'Unknown option -verbose: did you mean --verbose?'],
    ['--local', '--local needs a value: write --local=PATH.'],
    ['-l', '-l needs a value: write --local=PATH.'],
    ['--local= -r /b', '--local needs a value: write --local=PATH.'],
    [
      '--local --remote=/b',
      '--local needs a value, and "--remote=/b" looks like the next option: write --local=PATH.',
    ],
    ['-l -r /b', '-l needs a value, and "-r" looks like the next option: write --local=PATH.'],
    ['-l=/a', '-l=/a: a short option has no "="; write --local=/a instead.'],
    ['--snapshot=', '--snapshot needs a value: write --snapshot=SIZE.'],
    [`${sync} --snapshot 10G`, /^Unexpected argument "10G"/],
    [`${sync} --snapshot --snapshot=10G`, '--snapshot is given twice: leave one of the two out.'],
    [`${sync} --snapshot=10`, /^--snapshot must be a whole number of kilobytes from 1024 to \d+, or a size/],
    [`${given} --snapshot`, /^--snapshot needs --action/],
    [`${given} --recheck --snapshot`, /^--snapshot needs --action/],
    ['--stat=yes', '--stat takes no value: write just --stat.'],
    [`${given} --local=/c`, '--local is given twice: leave one of the two out.'],
    [`${sync} --zlevel=1 --zlevel=1`, '--zlevel is given twice: leave one of the two out.'],
    [`${given} /c`, 'Unexpected argument "/c": each value belongs to an option, as in --local=PATH.'],
    [
      `${given} --stat yes`,
      'Unexpected argument "yes": each value belongs to an option, as in --local=PATH.',
    ],
    [`${given} -- /c`, 'Unexpected argument "/c": each value belongs to an option, as in --local=PATH.'],
    ['-r /b', '--local is missing: name the local device with --local=PATH.'],
    ['-l /a --stat', '--remote is missing: name the remote device with --remote=PATH.'],
    [`${given} -a MOVE -m SYNC`, '--action must be one of PUSH, POP, PULL, not "MOVE".'],
    [`${given} -a PUSH -m FAST`, '--mode must be one of SYNC, COPY, not "FAST".'],
    [`${sync} --compress=gzip`, '--compress must be one of ZSTD, ZLIB, NONE, not "gzip".'],
    [`${sync} --hash=crc32`, `--hash must be one of ${hashNames.join(', ')}, not "crc32".`],
    [`${given} -a PUSH`, /^--action needs --mode: choose --mode=SYNC .* or --mode=COPY/],
    [`${given} -a PUSH --recheck --create`, /^--create needs --mode/],
    [`${given} -a PUSH --recheck --dry-run`, /^--dry-run needs --mode/],
    [`${given} -m SYNC`, '--mode needs --action: give the direction with --action=PUSH or --action=POP.'],
    [`${given} -m SYNC --recheck`, /^--mode needs --action/],
    [`${given} --create`, /^--create needs --action/],
    [`${given} --force --recheck`, /^--force needs --action/],
    [`${given} --dry-run`, /^--dry-run needs --action/],
    [
      `${sync} --buffer=64 --chunk=65`,
      /chunk \(65 KiB\) is larger than the buffer \(64 KiB\).*--chunk.*--buffer/,
    ],
    [`${sync} --chunk=2049`, /chunk \(2049 KiB\) is larger than the buffer \(2048 KiB\)/],
    [`${sync} --compress=none --zlevel=1`, /--compress=none and --zlevel contradict/],
    [`${given} --port=22`, /^--port needs --host/],
    [`${given} --user=root`, /^--user needs --host/],
    [`${given} --host=-oProxyCommand=x`, /^--host: "-oProxyCommand=x" is not/],
    [
      `${given} --host=ssh://me@backup:2222`,
      '--host: "ssh://me@backup:2222" is a URL, and a host name or address is needed: ' +
        'write --host=backup --user=me --port=2222.',
    ],
    [`${given} --host=ssh://[::1]`, /is a URL, .*: write --host=\[::1\]\.$/],
    [`${given} --host=me@backup:2222`, /has a port, .*: write --host=backup --user=me --port=2222\.$/],
    [`${given} --host=[::1]:22`, /has a port, .*: write --host=\[::1\] --port=22\.$/],
    [`${given} --host=me@`, /^--host: "me@" is not/],
    [`${given} --host=x --user=-F`, /^--user: "-F" is not a user name/],
  ])('%s', (line, message) => {
    const actual = usageMessage(() => parseCommand(words(line)));
    if (typeof message === 'string') expect(actual).toBe(message);
    else expect(actual).toMatch(message);
  });

  const size = 'a whole number of kilobytes from 1 to 1048576, or a size such as 64K or 8M';
  const noSizes = ['0', '1048577', '0K', '1025M', '2G', '1T', `${'9'.repeat(400)}T`, 'K', '64KB', '64KiB'];
  const numbers = [
    ['buffer', size, [...noSizes, '1.5M', '1 M', '-1M', '1MM', '8P', '0x10K']],
    ['chunk', size, noSizes],
    ['zlevel', 'a whole number from 0 to 9', ['10', '5k']],
    ['lanes', 'a whole number from 1 to 16', ['0', '17', '5k']],
    ['port', 'a whole number from 1 to 65535', ['0', '65536', '5k']],
    ['timeout', 'a whole number of seconds from 1 to 86400', ['0', '86401', '5k']],
  ] as const;
  const never = ['1e3', '0x10', ' 5', '5 ', '-1', '+1', '1.0', 'NaN', 'Infinity', '９', '9'.repeat(400)];
  const cases = numbers.flatMap(([name, range, outside]) =>
    [...outside, ...never].map((value) => [name, value, range] as const),
  );
  it.each(cases)('--%s=%j', (name, value, range) => {
    const message = usageMessage(() => parseCommand([...both, '-h', 'z', `--${name}=${value}`]));
    expect(message).toBe(`--${name} must be ${range}, not ${JSON.stringify(value)}.`);
  });

  it('a negative number after a space is a number that is out of range', () => {
    expect(usageMessage(() => parseCommand([...both, '--zlevel', '-1']))).toMatch(
      /^--zlevel must be .* not "-1"/,
    );
  });

  it('no value may be empty', () => {
    const names = [
      'local',
      'remote',
      'host',
      'port',
      'user',
      'action',
      'mode',
      'hash',
      'buffer',
      'chunk',
      'zlevel',
    ];
    for (const name of [...names, 'compress', 'lanes', 'timeout', 'remote-node', 'ssh-option']) {
      expect(usageMessage(() => parseCommand([`--${name}=`]))).toContain(`--${name} needs a value`);
      expect(usageMessage(() => parseCommand([`--${name}`, '']))).toContain(`--${name} needs a value`);
    }
  });
});
