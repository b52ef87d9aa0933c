import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTemporaryDirectory } from '../rig/temporary.ts';
import { releaseNotes } from '../scripts/release/notes.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const timeoutMs = 180_000;
const folder = makeTemporaryDirectory('release');
afterAll(() => folder.remove());

describe('a release', () => {
  let release: string;
  let names: string[];

  beforeAll(async () => {
    release = await makeRelease({});
    names = readdirSync(release).sort();
  }, timeoutMs);

  const read = (ending: string): string => {
    const [name = '', ...others] = names.filter((each) => each.endsWith(ending));
    expect(others).toEqual([]);
    return readFileSync(join(release, name), 'utf8');
  };

  it('has each file, and its digest', async () => {
    expect(names).toEqual([
      'SHA256SUMS',
      expect.stringMatching(/^basyn-[\d.]+\.cdx\.json$/),
      expect.stringMatching(/^basyn-[\d.]+\.cjs$/),
      expect.stringMatching(/^basyn-[\d.]+\.tgz$/),
      expect.stringMatching(/^basyn_[\d.]+_all\.deb$/),
      'release-notes.md',
    ]);
    const { stdout } = await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: release });
    expect(stdout.match(/: OK$/gm)).toHaveLength(names.length - 1);
  });

  it(
    'has the same bytes if it is made again, in another time zone and with another umask',
    async () => {
      const again = await makeRelease({ TZ: 'Pacific/Auckland', LC_ALL: 'C' }, '0077');
      expect(readFileSync(join(again, 'SHA256SUMS'), 'utf8')).toBe(read('SHA256SUMS'));
    },
    timeoutMs,
  );

  it('has a bill of materials with what is bundled, and nothing else', () => {
    const bill = JSON.parse(read('.cdx.json'));
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'basyn' } } });
    const listed = bill.components.map(({ name, version }: { name: string; version?: string }) =>
      version === undefined ? name : `${name} ${version}`,
    );
    const licences = readFileSync(join(root, 'dist/licenses.txt'), 'utf8').split(`\n${'-'.repeat(72)}\n\n`);
    expect(licences.length).toBeGreaterThan(5);
    expect(listed).toEqual(licences.map((section) => /^(.+) \(.+\)$/m.exec(section)?.[1]));
    expect(listed).toContain('zstd');
    expect(bill.components.find(({ name }: { name: string }) => name === 'valibot').hashes).toHaveLength(1);
  });

  it('has a Debian package with the program, its manual page, completions and documents', async () => {
    const file = join(
      release,
      names.find((name) => name.endsWith('.deb'))!,
    );
    const { stdout } = await run('dpkg-deb', ['--contents', file]);
    const entries = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    expect(entries.every(([, owner]) => owner === 'root/root')).toBe(true);
    const modes = Object.fromEntries(entries.map((words) => [words.at(-1)!, words[0]!]));
    expect(modes['./usr/bin/basyn']).toBe('-rwxr-xr-x');
    for (const path of [
      'man/man1/basyn.1.gz',
      'bash-completion/completions/basyn',
      'zsh/vendor-completions/_basyn',
      'fish/vendor_completions.d/basyn.fish',
      ...['copyright', 'changelog.gz', 'changelog.Debian.gz', 'README.md', 'docs/recipes.md'].map(
        (name) => `doc/basyn/${name}`,
      ),
    ]) {
      expect({ path, mode: modes[`./usr/share/${path}`] }).toEqual({ path, mode: '-rw-r--r--' });
    }
    const { stdout: depends } = await run('dpkg-deb', ['--field', file, 'Depends']);
    expect(depends).toBe('nodejs (>= 18.13), openssh-client\n');
  });

  it('has notes with the section of the changelog', () => {
    expect(read('release-notes.md')).toMatch(/^### Added\n\n- /);
    const changelog = '# Changelog\n\n## [2.0.0] - Unreleased\n\nNew.\n\n## [1.0.0] - 2026-01-01\n\nOld.\n';
    expect(releaseNotes(changelog, '2.0.0')).toBe('New.\n');
    expect(releaseNotes(changelog, '1.0.0')).toBe('Old.\n');
    expect(() => releaseNotes(changelog, '3.0.0')).toThrow('no section about 3.0.0');
  });
});

async function makeRelease(env: Record<string, string>, umask = '0022'): Promise<string> {
  const output = mkdtempSync(join(folder.path, 'made-'));
  const command = `umask ${umask} && exec node_modules/.bin/tsx scripts/release.ts`;
  await run('sh', ['-c', command], {
    cwd: root,
    // tsx leaves a directory there.
    env: {
      ...process.env,
      TMPDIR: folder.path,
      SOURCE_DATE_EPOCH: '1795695234',
      BASYN_RELEASE_DIRECTORY: output,
      ...env,
    },
  });
  return output;
}
