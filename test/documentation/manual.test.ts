import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { manualPage } from '../../scripts/manual/page.ts';
import { escapeRoff } from '../../scripts/manual/roff.ts';
import { wrapRoff } from '../../scripts/manual/wrap.ts';
import { parseCommand } from '../../src/cli/options.ts';
import { optionGroups } from '../../src/options/entry.ts';
import { optionEntries } from '../../src/options/table.ts';
import { basynCommands } from './basyn-commands.fixture.ts';

const page = await manualPage(new Date('2026-11-26'));
const text = shown();

describe('the manual page', () => {
  it('has no complaint from groff and mandoc', () => {
    expect(outputOf('mandoc', ['-T', 'lint', '-W', 'all'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(outputOf('groff', ['-ww', '-man', '-T', 'utf8'])).toMatchObject({ status: 0, stderr: '' });
  });

  it('has the date and the version', () => {
    expect(text).toMatch(/^Basyn \d+\.\d+\.\d+\S* +2026-11-26 +BASYN\(1\)$/m);
    expect(page).not.toMatch(/@[A-Z]+@/);
  });

  it('describes each option once, with its short form', () => {
    const described = [...text.matchAll(/^ {7}(?:(-\w), )?(--[\w-]+)(?:\[?=[A-Z]+\]?)?(?: {1,}\S.*)?$/gm)];
    const names = described.slice(described.findIndex(([, , long]) => long === '--local'));
    expect(names.map(([, short, long]) => [short, long])).toEqual(
      optionGroups
        .flatMap((group) => optionEntries.filter(([, entry]) => entry.group === group))
        .map(([name, { short }]) => [short === undefined ? undefined : `-${short}`, `--${name}`]),
    );
  });

  it('states what the table says about values', () => {
    const inOneLine = text.replaceAll(/\s+/g, ' ');
    expect(inOneLine).toContain(
      'Value: SHA1, SHA224, SHA256, SHA384, SHA512, BLAKE2B, BLAKE2S, MD5, XXH128.',
    );
    expect(inOneLine).toContain('Value: 1K to 1G. Default: 2M.');
    expect(inOneLine).toContain('Value: 1 to 86400 seconds. Default: 60 seconds.');
    expect(inOneLine).toContain('Value: at least 1K per second. Default: as fast as the link is.');
  });

  it('has a section for each thing that an option refers to', () => {
    const headings = [...page.matchAll(/^\.S[SH] (.*)$/gm)].map(([, heading]) => heading);
    for (const [, { help, details = '' }] of optionEntries) {
      const links = [...(help + details).matchAll(/\[([^\]]+)\]\(#/g)].map(([, link]) => link);
      expect(headings).toEqual(expect.arrayContaining(links));
    }
    expect(headings).toEqual(
      expect.arrayContaining(['EXIT STATUS', 'EXAMPLES', 'ENVIRONMENT', 'FILES', 'SEE ALSO']),
    );
  });

  it('has examples that the command accepts', () => {
    const examples = text.slice(text.indexOf('\nEXAMPLES\n'), text.indexOf('\nNOTES\n'));
    const commands = basynCommands(examples);
    expect(commands).toHaveLength(9);
    for (const argv of commands) expect(parseCommand(argv).kind).toBe('run');
  });

  it('shows text that begins like a request, and keeps one that is long', () => {
    const long = 'word '.repeat(15);
    expect(wrapRoff(escapeRoff(`.so a\\b\n${long}.profile 'x'`)).split('\n')).toEqual([
      '\\&.so a\\eb',
      `${long}.profile 'x'`,
    ]);
  });
});

/** The page as a terminal shows it, without bold. */
function shown(): string {
  const { status, stdout } = outputOf('groff', ['-man', '-T', 'utf8', '-P', '-cbou']);
  expect(status).toBe(0);
  return stdout;
}

function outputOf(
  program: string,
  args: readonly string[],
): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input: page, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}
