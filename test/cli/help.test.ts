import { describe, expect, it } from 'vitest';
import { helpLines, usageLines } from '../../src/cli/help.ts';
import { optionEntries } from '../../src/options/table.ts';

describe('the help', () => {
  it('fits 80 columns', () => {
    expect([...helpLines(), ...usageLines].filter((line) => line.length > 80)).toEqual([]);
  });

  it('has a row for each option, with its short form', () => {
    for (const [name, { short }] of optionEntries) {
      const start = short === undefined ? `      --${name}` : `  -${short}, --${name}`;
      expect(
        helpLines().filter(
          (line) => line === start || (/^[ =[]/.test(line.slice(start.length)) && line.startsWith(start)),
        ),
      ).toHaveLength(1);
    }
  });

  it('states the defaults, examples and exit codes', () => {
    const text = helpLines().join('\n');
    expect(text).toMatch(/--buffer=KB .*Default 2048\./);
    expect(text).toMatch(/Default SHA1\./);
    expect(text).toContain('basyn -l /dev/sda1 -r /dev/sda1 -h 10.0.0.1 -a PUSH -m SYNC');
    expect(text).toMatch(/^ {2}0 {2}.*\n {2}1 {2}.*\n {2}2 {2}/m);
  });

  it('wraps text without losing a word', () => {
    const text = helpLines().join(' ').replace(/\s+/g, ' ');
    for (const [, { help }] of optionEntries) expect(text).toContain(help.replaceAll('`', ''));
  });
});
