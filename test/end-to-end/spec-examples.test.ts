import { describe, expect, test } from 'vitest';
import { expectLines, expectSilence, hostOptions, linesOf, useBasyn } from '../support/basyn.ts';
import { expectSynchronised, makePair, type DiskPair } from '../support/disks.ts';
import { isRoot } from '../support/loop-device.ts';
import { useSshServer } from '../support/ssh-server.ts';

/*
 * The examples of the specification, word for word; a loop device stands for /dev/sda1, and the test server for
 * 10.0.0.1, which takes a port and keys of its own.
 */

const server = useSshServer();
const basyn = useBasyn();

const long = '--local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 --action=PUSH --mode=SYNC';
const short = '-l /dev/sda1 -r /dev/sda1 -h 10.0.0.1 -a PUSH -m SYNC';
const recheckOnly = '--local=/dev/sda1 --remote=/dev/sda1 --host 10.0.0.1 --recheck';

/** The arguments of an example, with the real names inserted. */
function words(example: string, { source, target }: DiskPair): string[] {
  const { host } = server();
  const named = example.replace('/dev/sda1', source).replace('/dev/sda1', target).replace('10.0.0.1', host);
  const further = hostOptions(server()).filter((option) => !option.startsWith('--host='));
  return [...named.split(' '), ...further];
}

describe.skipIf(!isRoot)('the example (needs root)', () => {
  test.each<[string, string]>([
    ['in long options', long],
    ['in short options', short],
    ['without compression', `${long} --zlevel=0`],
    ['with a longer buffer', `${long} --buffer=8192`],
    ['with detailed comparison', `${long} --chunk=64`],
    ['with a full recheck', `${long} --recheck`],
  ])('%s synchronises without output', async (_, example) => {
    const pair = makePair({ kind: 'loop device' });
    expectSilence(await basyn.run(words(example, pair)));
    expectSynchronised(pair);
  });

  test('with --verbose displays what it does', async () => {
    const pair = makePair({ kind: 'loop device' });
    expect(expectLines(await basyn.run(words(`${long} --verbose`, pair))).length).toBeGreaterThan(3);
    expectSynchronised(pair);
  });

  test('with --stat displays the statistics of the description, row by row', async () => {
    const pair = makePair({ kind: 'loop device' });
    const lines = expectLines(await basyn.run(words(`${long} --stat`, pair)));
    expectSynchronised(pair);
    const number = String.raw`\d+ bytes \(\d+\.\d [KM]iB\)`;
    const speed = String.raw`\d+ bytes\/s \(\d+\.\d [KM]iB\/s\)`;
    const rows = [
      `Device size: +${pair.sourceBytes.length} bytes .*`,
      `Traffic: +Rx: +${number}`,
      ` +Tx: +${number}`,
      ` +Both: +${number}`,
      String.raw`Ratio: +\d+\.\d+ %`,
      String.raw`Time: +\d+\.\d+ seconds`,
      `Bandwidth: +Real: +${speed}`,
      ` +Effective: +${speed}`,
    ];
    for (const [index, row] of rows.entries()) expect(lines[index]).toMatch(new RegExp(`^${row}$`));
  });

  test('that only rechecks finds nothing in equal devices, and reports the differences of others', async () => {
    const equal = makePair({ kind: 'loop device', changes: [], tailBytes: 0 });
    expectSilence(await basyn.run(words(recheckOnly, equal)));
    const different = makePair({ kind: 'loop device', tailBytes: 0 });
    const result = await basyn.run(words(recheckOnly, different));
    expect(result).toMatchObject({ exitCode: 2, stdout: '' });
    expect(linesOf(result.stderr)[0]).toMatch(/^basyn: The devices differ: \d+ bytes/);
  });
});

test('the help names every option of the specification', async () => {
  const lines = expectLines(await basyn.run(['--help']));
  const options =
    'local remote host port user action mode recheck stat verbose progress debug hash buffer chunk zlevel';
  for (const option of options.split(' ')) expect(lines.join('\n')).toMatch(new RegExp(` --${option}\\b`));
  for (const short of 'lrhpuam') expect(lines.join('\n')).toMatch(new RegExp(` -${short}, --`));
});
