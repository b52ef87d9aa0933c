import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../src/cli/options.ts';
import { isOnPath } from '../support/on-path.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { basynCommands } from './basyn-commands.fixture.ts';
import { codeBlocks, readDocument, root, sectionOf, tableRows } from './markdown.fixture.ts';

const readme = readDocument('README.md');
const recipes = readDocument('docs/recipes.md');
const shellLanguages = ['sh', 'bash', 'console'];
const shellBlocks = [readme, recipes].flatMap((page) =>
  shellLanguages.flatMap((language) => codeBlocks(page, language)),
);

describe('the shell commands of README.md and docs/recipes.md', () => {
  it.each(shellBlocks.filter((block) => !block.startsWith('$ ')))('are valid for bash: %j', (block) => {
    expect(() => execFileSync('bash', ['--norc', '-n'], { input: block, stdio: 'pipe' })).not.toThrow();
  });

  const commands = shellBlocks.flatMap(basynCommands);

  it('include every use of basyn', () => {
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.length).toBe(shellBlocks.join('').match(/(?<![\w/.-])basyn -/g)?.length);
    expect(commands.filter((args) => args.length === 0)).toEqual([]);
  });

  it.each(commands.map((args) => ({ args, line: args.join(' ') })))(
    'use options of basyn that exist, with valid values: $line',
    ({ args }) => expect(() => parseCommand(args)).not.toThrow(),
  );

  it.each(tableRows(sectionOf(readme, 'Examples')).map(([option = '']) => option.replaceAll('`', '')))(
    'can be extended by %s',
    (option) => {
      const [example = []] = basynCommands(codeBlocks(sectionOf(readme, 'Examples'), 'sh')[0] ?? '');
      expect(() => parseCommand([...example, option])).not.toThrow();
    },
  );
});

describe("the README's transcript", () => {
  const demo = readDocument('scripts/demo.ts');

  it.each(basynCommands(codeBlocks(readme, 'console')[0] ?? '').map((args) => args.join(' ')))(
    'shows a command of npm run demo: %s',
    (command) => expect(demo).toContain(`'${command}'`),
  );
});

describe("the README's messages about hosts", () => {
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readDocument(`src/${name}`))
    .join('');

  it.each(tableRows(sectionOf(readme, 'If the host cannot be used')))(
    'are in the source: %s',
    (quote = '') => {
      // The source has an expression in place of a number.
      const [before = '', after] = quote.split(/\d+/);
      const isQuoted = source
        .split(before)
        .slice(1)
        .some((rest) => after === undefined || rest.replace(/^\$\{.*?\}/, '').startsWith(after));
      expect(isQuoted).toBe(true);
    },
  );
});

describe('the files in examples/', () => {
  const shown = [...recipes.matchAll(/^<!-- (examples\/\S+) -->\n\n```\w+\n(.*?)^```$/gms)].map(
    ([, path = '', text = '']) => ({ path, text }),
  );

  it('are shown in docs/recipes.md', () => {
    const files = execFileSync('ls', [join(root, 'examples')], { encoding: 'utf8' }).split('\n');
    const expected = files.filter((name) => /\.(sh|service|timer|cron)$/.test(name));
    expect(shown.map(({ path }) => path).sort()).toEqual(expected.map((name) => `examples/${name}`));
  });

  it.each(shown)('are shown unchanged: $path', ({ path, text }) => {
    expect(text).toBe(readDocument(path));
  });
});

describe('the systemd units of the recipes', () => {
  const flag = /^(true|false)$/;
  const units = /^[\w@-]+\.(target|service)( [\w@-]+\.(target|service))*$/;
  /** What systemd accepts as the value of each setting that the units use. */
  const settings: Readonly<Record<string, RegExp>> = {
    'Unit.Description': /./,
    'Unit.Wants': units,
    'Unit.After': units,
    'Service.Type': /^(simple|exec|forking|oneshot|notify)$/,
    'Service.ExecStart': /^\/\S+$/,
    'Service.Nice': /^(-?1?\d|-20)$/,
    'Service.IOSchedulingClass': /^(realtime|best-effort|idle)$/,
    'Timer.OnCalendar': /^\*-\*-\* \d\d:\d\d:\d\d$/,
    'Timer.Persistent': flag,
    'Install.WantedBy': units,
  };

  it.each(['backup-mail.service', 'backup-mail.timer'])(
    'have known settings with valid values: %s',
    (name) => {
      let section = '';
      for (const line of readDocument(`examples/${name}`).split('\n').filter(Boolean)) {
        const heading = /^\[(\w+)\]$/.exec(line)?.[1];
        if (heading !== undefined) {
          section = heading;
          continue;
        }
        const [key = '', ...value] = line.split('=');
        expect(value.join('='), line).toMatch(
          settings[`${section}.${key}`] ?? expect.fail(`unknown: ${line}`),
        );
      }
    },
  );
});

describe('the crontab of the recipes', () => {
  it('has variables and lines with five times, a user and a command', () => {
    for (const line of readDocument('examples/backup-mail.cron').split('\n').filter(Boolean)) {
      // A % would end the command.
      expect(line).toMatch(/^([A-Z]+=\S+|([\d*/,-]+ ){5}[a-z]+ [^%]+)$/);
    }
  });
});

const hasJq = isOnPath('jq');

describe.skipIf(!hasJq)('the jq programs of the recipes (need jq)', () => {
  const log = [
    { type: 'start' },
    { type: 'progress', phase: 'sync', doneBytes: 50, sizeBytes: 200 },
    {
      type: 'result',
      matches: true,
      elapsedMs: 1500,
      traffic: { receivedBytes: 3, transmittedBytes: 4 },
      phases: [{ phase: 'sync', writtenBytes: 7, differingBytes: 7, differingRanges: [] }],
    },
    { type: 'error', code: 'device', message: 'It failed.' },
  ];
  const blocks = codeBlocks(recipes, 'sh').filter((block) => block.startsWith('jq '));
  const output = (block: string) => {
    const directory = scratchDirectory();
    const text = log.map((line) => JSON.stringify(line)).join('\n');
    writeFileSync(join(directory, 'mail.jsonl'), `${text}\n`);
    return execFileSync('bash', ['--norc', '-c', block], { cwd: directory, encoding: 'utf8' })
      .split('\n')
      .slice(0, -1);
  };

  it('read errors, differences and metrics from a log', () => {
    const [errors = '', differences = '', metrics = ''] = blocks;
    expect(output(errors)).toEqual(['device: It failed.']);
    expect(output(differences)).toEqual(['{"phase":"sync","differingBytes":7,"differingRanges":[]}']);
    expect(output(metrics)).toEqual([
      expect.stringMatching(/^basyn_last_success_timestamp_seconds \d+$/),
      'basyn_duration_seconds 1.5',
      'basyn_written_bytes 7',
      'basyn_transferred_bytes 7',
    ]);
  });

  it('show the progress', () => {
    const block = codeBlocks(recipes, 'bash').find((text) => text.includes('--unbuffered'));
    const program = block?.slice(block.indexOf('jq ')).trim() ?? '';
    expect(output(`${program} mail.jsonl`)).toEqual(['sync: 25 %']);
  });
});
