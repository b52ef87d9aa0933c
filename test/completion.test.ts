import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completions } from '../scripts/completion/completions.ts';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { openTerminal, type Terminal } from './support/terminal.ts';

const directory = makeTemporaryDirectory('completion');
const home = directory.path;
afterAll(() => directory.remove());

/** How each shell is started, with the completion where it is looked for and a command that shows its arguments. */
const shells = {
  bash: `bash --rcfile '${home}/bashrc' -i`,
  zsh: 'zsh -i',
  fish: 'fish',
} as const;

beforeAll(async () => {
  const files = await completions();
  const write = (path: string, text: string): void => {
    const file = join(home, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
  };
  const show = `basyn() { clear; printf '<%s>' "$@"; echo; }`;
  write('basyn.bash', files.get('basyn.bash')!);
  write('bashrc', `. '${home}/basyn.bash'; PS1='> '; ${show}`);
  write('zsh/_basyn', files.get('_basyn')!);
  write(
    '.zshrc',
    `fpath=('${home}/zsh' $fpath); autoload -U compinit; compinit -u -D; PROMPT='> '; unsetopt prompt_sp; ${show}`,
  );
  write('.config/fish/completions/basyn.fish', files.get('basyn.fish')!);
  write(
    '.config/fish/config.fish',
    `set fish_greeting; function fish_prompt; echo '> '; end; function basyn; clear; printf '<%s>' $argv; echo; end`,
  );
  write('.ssh/config', 'Host backup *.pattern\n  User admin\nInclude further/*\n');
  write('.ssh/further/one', 'Host depot\n');
  write('.ssh/known_hosts', '|1|salt=|hash= ssh-ed25519 AAAA\nseen.example.org,192.0.2.1 ssh-ed25519 AAAA\n');
  write('a disk.img', '');
});

/** What is typed, and the arguments that the command gets. */
const cases: readonly (readonly [what: string, keys: readonly string[], shown: string])[] = [
  ['an option', ['--rech', 'Tab'], '<--recheck>'],
  ['a value', ['--action=pu', 'Tab'], '<--action=PUSH>'],
  ['the value of a short option', ['-m sy', 'Tab'], '<-m><SYNC>'],
  ['a value in the other case', ['--compress=ZS', 'Tab'], '<--compress=zstd>'],
  ['a separate value', ['--compress zs', 'Tab'], '<--compress><zstd>'],
  ['a file', ['--local=a', 'Tab'], '<--local=a disk.img>'],
  ['a file as a separate value', ['-r a', 'Tab'], '<-r><a disk.img>'],
  ["a host in ssh's configuration", ['--host=bac', 'Tab'], '<--host=backup>'],
  ['a host in an included file, after a user', ['-h root@dep', 'Tab'], '<-h><root@depot>'],
  ['a known host', ['--host see', 'Tab'], '<--host><seen.example.org>'],
  ['a user', ['--user=roo', 'Tab'], '<--user=root>'],
  ['an option after one whose value may be missing', ['--snapshot --dry', 'Tab'], '<--snapshot><--dry-run>'],
];

describe.each(Object.entries(shells))('in %s', (name, command) => {
  it('options, values, files, hosts and users are completed, and possible values are listed', async () => {
    const terminal = await openShell(command);
    const expectArguments = async (shown: string, what: string): Promise<void> => {
      await terminal.type('Enter');
      // fish offers values in the case of what is typed.
      const rows = async (): Promise<string[]> => (await terminal.rows()).map((row) => row.toLowerCase());
      await expect.poll(rows, { message: what }).toEqual([shown.toLowerCase(), '>']);
    };
    for (const [what, keys, shown] of cases) {
      await enter(terminal, keys);
      await expectArguments(shown, what);
    }
    await enter(terminal, ['--acti', 'Tab', 'pu', 'Tab']);
    await expectArguments(
      name === 'fish' ? '<--action><PUSH>' : '<--action=PUSH>',
      'an option, and then its value',
    );
    await enter(terminal, ['--compress=z', 'Tab', 'Tab']);
    const text = async (): Promise<string> => (await terminal.rows()).join('\n');
    await expect.poll(text, { message: 'a list' }).toMatch(/zlib[^]*zstd|zstd[^]*zlib/);
    expect(await text()).not.toContain('none');
  });
});

async function openShell(command: string): Promise<Terminal> {
  const environment = `HOME='${home}' ZDOTDIR='${home}' TMPDIR='${home}' XDG_CONFIG_HOME= XDG_DATA_HOME=`;
  const terminal = await openTerminal(`cd '${home}'; exec env ${environment} ${command}`, 120);
  await expect.poll(() => terminal.rows()).toEqual(['>']);
  return terminal;
}

async function enter(terminal: Terminal, keys: readonly string[]): Promise<void> {
  await terminal.write('basyn ');
  for (const key of keys) await (key === 'Tab' ? terminal.type(key) : terminal.write(key));
}
