import { describe, expect, it } from 'vitest';
import { encodings } from '../../src/codec/encoding.ts';
import { digestBytesOf } from '../../src/digest/hash.ts';
import type { HashName } from '../../src/digest/hash-names.ts';
import { geometryOf } from '../../src/digest/geometry.ts';
import { limits } from '../../src/limits.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';
import { anchorsOf, readDocument, sectionOf, tableRows } from './markdown.fixture.ts';

const page = readDocument('docs/protocol.md');

describe('docs/protocol.md', () => {
  it('has every message with its number', () => {
    const documented = tableRows(sectionOf(page, 'Messages')).map(([number, name = '']) => [
      /`(\w+)`/.exec(name)?.[1],
      Number(number),
    ]);
    expect(Object.fromEntries(documented)).toEqual(typeNumbers);
  });

  it('describes every message', () => {
    const anchors = anchorsOf(page);
    for (const type of Object.keys(typeNumbers)) {
      expect(anchors.flatMap((anchor) => anchor.split('-and-'))).toContain(type);
    }
  });

  it('has the limits as they are', () => {
    const documented = tableRows(sectionOf(page, 'Limits')).map(
      ([name = '', value]) => [name.replaceAll('`', ''), Number(value)] as const,
    );
    expect(documented.length).toBeGreaterThan(20);
    const actual = documented.map(([name]) => [name, (limits as Record<string, number>)[name]]);
    expect(documented).toEqual(actual);
  });

  it('has the number of each encoding', () => {
    const encoding = tableRows(sectionOf(page, 'data'))[0]?.[1];
    expect(encoding).toBe(`encoding: ${encodings.map((name, index) => `${index} \`${name}\``).join(', ')}`);
  });

  it('has the length of every digest', () => {
    const lengths = digestTable().flatMap(([names = '', , bytes = '']) => {
      const counts = bytes.split(', ').map(Number);
      return names.split(', ').map((name, index) => [name.replaceAll('`', ''), counts[index]]);
    });
    expect(Object.fromEntries(lengths) as Record<HashName, number>).toEqual(digestBytesOf);
  });

  it('cuts buffers as the code does', () => {
    const rows = tableRows(sectionOf(page, 'How a device is cut'));
    const examples = rows.slice(0, 4);
    expect(examples).toHaveLength(4);
    for (const [buffer = '', chunk = '', steps = ''] of examples) {
      const bufferBytes = bytesOf(buffer);
      const chunkBytes = chunk === '`null`' ? limits.finestChunkBytes : bytesOf(chunk);
      expect(geometryOf(bufferBytes, bufferBytes, chunkBytes).stepsBytes).toEqual(
        steps.split(', ').map(bytesOf),
      );
    }
  });
});

/** The second table of its section. */
function digestTable(): string[][] {
  const section = sectionOf(page, 'How a device is cut');
  return tableRows(section.slice(section.indexOf('| `hash`')));
}

function bytesOf(text: string): number {
  const [count, unit] = text.split(' ');
  return Number(count) * (unit === 'MiB' ? 1024 * 1024 : 1024);
}
