import { describe, expect, it } from 'vitest';
import { encodings } from '../../src/codec/encoding.ts';
import { digestBytesOf } from '../../src/digest/hash.ts';
import type { HashName } from '../../src/digest/hash-names.ts';
import { geometryOf } from '../../src/digest/geometry.ts';
import { bounds, defaults, tuning } from '../../src/limits.ts';
import type { StorageGap } from '../../src/device/regions.ts';
import { typeNumbers } from '../../src/protocol/messages.ts';
import * as schemas from '../../src/protocol/schemas.ts';
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

  it.each([
    ['open', schemas.openSchema],
    ['opened', schemas.openedSchema],
    ['begin', schemas.planSchema],
    ['finish', schemas.finishSchema],
    ['finished', schemas.finishedSchema],
    ['failure', schemas.failureSchema],
    ['closed', schemas.closedSchema],
    ['checkpoint', schemas.checkpointSchema],
  ])('has every field of %s', (type, schema) => {
    const documented = tableRows(sectionOf(page, type)).map(([field = '']) => field.replaceAll('`', ''));
    expect(new Set(documented)).toEqual(new Set([...documented.filter(isPrefix), ...leavesOf(schema)]));
    function isPrefix(field: string): boolean {
      return documented.some((other) => other.startsWith(`${field}.`));
    }
  });

  it('has every kind of gap in an identity', () => {
    const kinds: Record<StorageGap['mayBe'], true> = {
      anything: true,
      neighbour: true,
      twin: true,
      'block device': true,
      elsewhere: true,
    };
    const section = sectionOf(page, 'Identity');
    const documented = tableRows(section.slice(section.indexOf('| `mayBe` |'))).map(([kind]) => kind);
    expect(documented).toEqual(Object.keys(kinds).map((kind) => `\`${kind}\``));
  });

  it('has the limits of the source', () => {
    const documented = tableRows(sectionOf(page, 'Limits')).map(
      ([name = '', value]) => [name.replaceAll('`', ''), Number(value)] as const,
    );
    expect(documented.length).toBeGreaterThan(20);
    const actual = documented.map(([name]) => [
      name,
      ({ ...bounds, ...tuning, ...defaults } as Record<string, unknown>)[name],
    ]);
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
      const chunkBytes = chunk === '`null`' ? bounds.finestChunkBytes : bytesOf(chunk);
      expect(geometryOf(bufferBytes, bufferBytes, chunkBytes).stepsBytes).toEqual(
        steps.split(', ').map(bytesOf),
      );
    }
  });
});

/** A schema of valibot, as far as it consists of fields. */
interface FieldSchema {
  readonly type: string;
  readonly entries?: Record<string, FieldSchema>;
  /** What is inside of `nullable` and `optional`. */
  readonly wrapped?: FieldSchema;
}

/** Names of the fields that have no fields themselves: "lanes.port". */
function leavesOf({ entries, wrapped }: FieldSchema): string[] {
  if (wrapped !== undefined) return leavesOf(wrapped);
  return Object.entries(entries ?? {}).flatMap(([name, field]) => {
    const inner = leavesOf(field);
    return inner.length === 0 ? [name] : inner.map((leaf) => `${name}.${leaf}`);
  });
}

/** The second table of its section. */
function digestTable(): string[][] {
  const section = sectionOf(page, 'How a device is cut');
  return tableRows(section.slice(section.indexOf('| `hash`')));
}

function bytesOf(text: string): number {
  const [count, unit] = text.split(' ');
  return Number(count) * (unit === 'MiB' ? 1024 * 1024 : 1024);
}
