import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { programsIn } from '../support/import-graph.ts';
import { readDocument, root } from './markdown.fixture.ts';

/** Part of a test's title, and the files that the page names before it. */
interface Reference {
  readonly files: readonly string[];
  readonly title: string;
}

const page = readDocument('docs/guarantees.md');
const references = referencesIn(page);
const programs = programsIn('test');

describe('the page of guarantees', () => {
  test('names tests', () => {
    expect(references.length).toBeGreaterThan(60);
  });

  test('names test files that exist', () => {
    const names = [...page.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, name = '']) => name);
    expect(names.filter((name) => filesNamed(name).length === 0)).toEqual([]);
  });

  test.each(references)('quotes the title of a test in $files: $title', ({ files, title }) => {
    const texts = files.flatMap(filesNamed).map((file) => readFileSync(join(root, file), 'utf8'));
    // An ellipsis stands for the part that differs between the titles of a table.
    const words = withoutQuotes(title).replace(/ ?…$/, '');
    expect(texts.some((text) => withoutQuotes(text).includes(words))).toBe(true);
  });
});

/** In a paragraph, list item or table row, the words in italics are titles of tests in the file named last. */
function referencesIn(text: string): Reference[] {
  return text.split(/\n(?=\n|- |\|)/).flatMap((block) => {
    let files: string[] = [];
    let isAfterTitle = false;
    return [
      ...block.matchAll(/`(?<file>[\w./-]+\.ts|test\/[\w-]+\/)`|(?<![\w*])_(?<title>[^_]+)_(?!\w)/g),
    ].flatMap(({ groups }) => {
      const { file, title } = groups as { file?: string; title?: string };
      if (file !== undefined) {
        files = isAfterTitle ? [file] : [...files, file];
        isAfterTitle = false;
        return [];
      }
      isAfterTitle = true;
      return [{ files, title: title! }];
    });
  });
}

/** A name is a path, or the end of one. */
function filesNamed(name: string): string[] {
  if (existsSync(join(root, name)) && name.endsWith('.ts')) return [name];
  return programs.filter((file) => file.endsWith(`/${name}`));
}

function withoutQuotes(text: string): string {
  return text.replaceAll(/['’\\]/g, '');
}
