import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { helpLines } from '../../src/cli/help.ts';
import { withRemedy } from '../../src/cli/remedies.ts';
import { commandWording } from '../../src/cli/wording.ts';
import { BasynError, remedies } from '../../src/errors.ts';
import { fileWording } from '../../src/job-file/read-options.ts';

const options = new Set(
  helpLines()
    .join('\n')
    .match(/--[a-z][a-z-]*/g),
);

test.each(remedies)('the remedy "%s" adds one sentence, which names one option', (remedy) => {
  const { message } = withRemedy(new BasynError('device', 'It failed.', { remedy }), commandWording);
  expect(message).toMatch(/^It failed\. [A-Z][^.]*\.$/);
  expect(message.match(/--[a-z][a-z-]*/g)?.filter((name) => options.has(name))).toHaveLength(1);
});

test.each(remedies)('the remedy "%s" names the option as it is written in a file of jobs', (remedy) => {
  const { message } = withRemedy(new BasynError('device', 'It failed.', { remedy }), fileWording);
  expect(message).toMatch(/("[a-z-]+"|[a-z-]+ = (true|"[A-Z]+"))/);
  expect(message).not.toContain('--');
});

test('an error with a remedy keeps its facts, its cause and its stack', () => {
  const facts = { side: 'remote', device: '/dev/sdb', offsetBytes: 5, remedy: 'force' } as const;
  const error = new BasynError('device', 'It failed.', facts, { cause: new Error('the cause') });
  const phrased = withRemedy(error, commandWording);
  expect(phrased.toRecord()).toEqual({ ...error.toRecord(), message: phrased.message });
  expect(phrased).toMatchObject({ cause: error.cause, stack: error.stack });
});

test('an error without a remedy is unchanged', () => {
  const error = new BasynError('device', 'It failed.');
  expect(withRemedy(error, commandWording)).toBe(error);
});

const sources = fileURLToPath(new URL('../../src/', import.meta.url));
const layers = readdirSync(sources, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'cli' && entry.name !== 'options')
  .map(({ name }) => name);

test.each(layers)(
  'no text in src/%s names an option of the command, because library users see these texts',
  (layer) => {
    const files = readdirSync(`${sources}${layer}`, { recursive: true, encoding: 'utf8' });
    const texts = files
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => textsIn(`${sources}${layer}/${name}`));
    expect(texts).not.toEqual([]);
    const isNaming = (text: string): boolean =>
      text.match(/--[a-z][a-z-]*/g)?.some((name) => options.has(name)) ?? false;
    expect(texts.filter(isNaming)).toEqual([]);
  },
);

/** The string literals of a source file, and the fixed parts of its templates. */
function textsIn(path: string): string[] {
  const texts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      texts.push(node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest));
  return texts;
}
