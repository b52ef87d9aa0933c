import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, linksOf, readDocument, root } from './markdown.fixture.ts';

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/architecture.md',
  'docs/protocol.md',
  'docs/guarantees.md',
  'docs/performance.md',
  'docs/recipes.md',
  'docs/ssh.md',
  'docs/restricted-keys.md',
  'docs/monitoring.md',
  'docs/fleet.md',
].filter((name) => existsSync(join(root, name)));

describe.each(documents)('the links of %s', (name) => {
  it('lead to pages and headings that exist', () => {
    const inside = linksOf(readDocument(name)).filter((link) => !link.startsWith('https://'));
    expect(inside.filter((link) => !leadsSomewhere(name, link))).toEqual([]);
  });
});

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const to = path === '' ? from : join(dirname(from), path);
  if (!existsSync(join(root, to))) return false;
  return anchor === undefined || anchorsOf(readDocument(to)).includes(anchor);
}
