import { expect, test } from 'vitest';
import { parseCommand } from '../../src/cli/options.ts';
import { requireClient, serveHelpLines } from '../../src/cli/serve.ts';
import { serveOptions } from '../../src/options/serve.ts';

test('serve takes several paths, written as options are', () => {
  expect(parseCommand(['serve', '--allow=/a', '--allow', '/b', '--read-only'])).toEqual({
    kind: 'serve',
    restriction: { allowedPaths: ['/a', '/b'], access: 'read' },
  });
  expect(parseCommand(['serve', '--allow=/a'])).toMatchObject({ restriction: { access: 'read and write' } });
});

test.each([
  [[], /^serve needs --allow: /],
  [['--allow='], /^--allow needs a path\.$/],
  [['--allow'], /^--allow needs a path\.$/],
  [['--allow=a'], /^--allow must be an absolute path, not "a"\.$/],
  [['--allow=/a/../b'], /^--allow must not contain "\.\."/],
  [['/a'], /^"\/a" is not an option of serve: write --allow=PATH\.$/],
  [['--allow=/a', '--', '/b'], /^"--" is not an option of serve\.$/],
  [['--read-only=no'], /^--read-only takes no value\.$/],
  [['--alow=/a'], /^serve has no option --alow\. Did you mean --allow\?$/],
  [['--force'], /^serve has no option --force\. basyn serve --help lists the options\.$/],
])('%j is wrong', (words, sentence) => {
  expect(() => parseCommand(['serve', ...words])).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(sentence) as string }),
  );
});

test('serve --help describes every option within 80 columns', () => {
  expect(parseCommand(['serve', '--help'])).toEqual({ kind: 'help for serve' });
  const lines = serveHelpLines();
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  for (const name of Object.keys(serveOptions)) expect(lines.join('\n')).toContain(`--${name}`);
});

test('a user who asks for a shell learns what the key is for', () => {
  const SSH_CONNECTION = '192.0.2.1 1 192.0.2.2 22';
  expect(() => requireClient({ SSH_CONNECTION })).toThrow('This key opens no shell: it is for Basyn only.');
});
