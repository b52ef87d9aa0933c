import { getStaticTOMLValue, ParseError, parseTOML, type AST } from 'toml-eslint-parser';
import { BasynError } from '../errors.ts';

/** A value of TOML, and the line on which it is given. */
export interface LocatedValue {
  readonly value: unknown;
  readonly line: number;
}

/** A table of TOML: `[a.b]`, with the values that are given in it, by their names. */
export interface LocatedTable {
  readonly path: readonly string[];
  readonly line: number;
  readonly values: ReadonlyMap<string, LocatedValue>;
}

/**
 * Reads TOML 1.0. The values before the first table header are those of a table without a path.
 *
 * @param fileName for messages.
 * @throws {BasynError} `usage`, with the file and the line.
 */
export function readTables(fileName: string, text: string): LocatedTable[] {
  const [top] = parse(fileName, text).body;
  const own = top.body.filter((node) => node.type === 'TOMLKeyValue');
  const tables = top.body.filter((node) => node.type === 'TOMLTable');
  return [
    { path: [], line: 1, values: valuesOf(fileName, own) },
    ...tables.map((table) => {
      const line = table.loc.start.line;
      if (table.kind === 'array') throw wrongLine(fileName, line, 'write [name] in place of [[name]]');
      return { path: namesOf(table.key), line, values: valuesOf(fileName, table.body) };
    }),
  ];
}

/** An error about a line of the file. */
export function wrongLine(fileName: string, line: number, problem: string): BasynError {
  return new BasynError('usage', `${fileName}, line ${line}: ${problem}.`);
}

function parse(fileName: string, text: string): AST.TOMLProgram {
  try {
    return parseTOML(text, { tomlVersion: '1.0' });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const problem = error.message.replace(/\.$/, '');
    throw wrongLine(fileName, error.lineNumber, `it is not valid TOML: ${problem}`);
  }
}

function valuesOf(fileName: string, nodes: readonly AST.TOMLKeyValue[]): Map<string, LocatedValue> {
  return new Map(
    nodes.map(({ key, value, loc }) => {
      const { line } = loc.start;
      const [name = '', ...rest] = namesOf(key);
      if (rest.length > 0) throw wrongLine(fileName, line, `write "${name}" in a table of its own`);
      return [name, { value: getStaticTOMLValue(value), line }];
    }),
  );
}

function namesOf({ keys }: AST.TOMLKey): string[] {
  return keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
}
