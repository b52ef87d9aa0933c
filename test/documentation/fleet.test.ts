import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readJobs } from '../../src/job-file/read-jobs.ts';
import { parseCommand } from '../../src/cli/options.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { isOnPath } from '../support/on-path.ts';
import { readDocument, root, sectionOf, tableRows } from './markdown.fixture.ts';

const page = readDocument('docs/fleet.md');
const ansible = 'examples/ansible';
const role = `${ansible}/roles/basyn`;

describe('the arithmetic of docs/fleet.md', () => {
  const nightSeconds = 8 * 3600;
  const cores = 4;
  const bytesPerSecond = (text: string): number => {
    const [, number = '', unit = ''] = /([\d.]+) ([GM](?:B|bit)\/s)/.exec(text)!;
    return Number(number) * { 'MB/s': 1e6, 'GB/s': 1e9, 'Mbit/s': 1e6 / 8, 'Gbit/s': 1e9 / 8 }[unit]!;
  };
  const rowsOf = (heading: string): string[][] =>
    tableRows(sectionOf(page, heading)).filter(([link = '']) => link.includes('bit/s'));
  const shown = (terabytes: number): string =>
    terabytes < 10 ? terabytes.toFixed(1) : terabytes.toLocaleString('en', { maximumFractionDigits: 1 });

  test('says how much can be compared in a night, by link and disk', () => {
    const rows = rowsOf('Without a list of changes');
    expect(rows).toHaveLength(9);
    for (const [link = '', disk = '', ...cells] of rows) {
      const expected = [0.01, 0.1, 1].map((share) => {
        const coreSecondsPerByte = (0.95 + 2.9 * share) / 2 ** 30;
        const secondsPerByte = Math.max(
          1 / bytesPerSecond(disk),
          share / bytesPerSecond(link),
          coreSecondsPerByte / cores,
        );
        return (nightSeconds / secondsPerByte / 1e12).toFixed(1);
      });
      expect({ link, disk, cells }).toEqual({ link, disk, cells: expected });
    }
  });

  test('says how much fits into a night if only changes are read', () => {
    const rows = rowsOf('With a state file or a list of changes');
    expect(rows).toHaveLength(3);
    for (const [link = '', ...cells] of rows) {
      const expected = [0.001, 0.01, 0.1].map((share) =>
        shown((nightSeconds * bytesPerSecond(link)) / share / 1e12),
      );
      expect({ link, cells }).toEqual({ link, cells: expected });
    }
  });
});

describe('the role for Ansible', () => {
  const tasks = readDocument(`${role}/tasks/main.yml`);
  const templates = readdirSync(join(root, role, 'templates'));
  const playbook = readDocument(`${ansible}/site.yml`);

  test('is shown with the playbook as it is', () => {
    expect(page).toContain(`<!-- ${ansible}/site.yml -->\n\n\`\`\`yaml\n${playbook}\`\`\``);
  });

  test('has a default for each variable, and a file for each template', () => {
    const texts = [tasks, ...templates.map((name) => readDocument(`${role}/templates/${name}`)), playbook];
    const used = new Set(texts.flatMap((text) => text.match(/\bbasyn_\w+/g) ?? []));
    const defaults = readDocument(`${role}/defaults/main.yml`).match(/^basyn_\w+(?=:)/gm) ?? [];
    expect([...used].sort()).toEqual([...defaults].sort());
    for (const [, name = ''] of tasks.matchAll(/src: (\S+\.j2)/g)) expect(templates).toContain(name);
  });

  test('writes jobs that Basyn accepts, and checks them with options that exist', () => {
    const [, text = ''] = /basyn_jobs: \|\n([^]*)/.exec(playbook)!;
    // There is no such group of volumes here.
    const jobs = plain(text, 10)
      .replace('/dev/vg0/*', '/dev/vg0/mail')
      .replace(/^exclude.*\n/m, '');
    expect(readJobs('site.yml', jobs).jobs).toHaveLength(1);
    const [, check = ''] = /validate: basyn (.*)/.exec(tasks)!;
    expect(parseCommand(check.split(' '))).toMatchObject({ kind: 'jobs', request: { work: 'check' } });
  });

  test.skipIf(!isOnPath('ansible-playbook'))('is accepted by ansible-playbook (needs Ansible)', () => {
    const inventory = join(scratchDirectory(), 'hosts');
    writeFileSync(inventory, 'alpha\n');
    const args = ['--syntax-check', '--inventory', inventory, 'site.yml'];
    expect(execFileSync('ansible-playbook', args, { cwd: join(root, ansible), encoding: 'utf8' })).toContain(
      'playbook: site.yml',
    );
  });
});

describe('the files for Kubernetes', () => {
  const names = readdirSync(join(root, 'examples/kubernetes'));

  test('are linked from the page', () => {
    for (const name of names) expect(page).toContain(`(../examples/kubernetes/${name})`);
  });

  test('have jobs and a command that Basyn accepts', () => {
    const text = readDocument('examples/kubernetes/basyn.yaml');
    const [, jobs = ''] = /night\.toml: \|\n((?: {4}.*\n)+)/.exec(text)!;
    expect(readJobs('night.toml', plain(jobs, 4)).jobs).toMatchObject([
      { name: 'mail', options: { local: /devicePath: (\S+)/.exec(text)![1] } },
    ]);
    const [, args = ''] = /args: \[(--.*)\]/.exec(text)!;
    expect(parseCommand(args.split(', '))).toMatchObject({ kind: 'jobs' });
  });

  test('copy the executable that the build makes', () => {
    const [, name = ''] = /^COPY (\S+)/m.exec(readDocument('examples/kubernetes/Dockerfile'))!;
    expect(readDocument('README.md')).toContain(`build/${name}`);
  });
});

/** The text of a block in YAML, without its indentation and what a template would fill in. */
function plain(block: string, indentation: number): string {
  const lines = block.split('\n').map((line) => line.slice(indentation));
  return lines.join('\n').replace(/\{\{.*?\}\}/g, 'alpha');
}
