import type { Contender } from './contender.ts';
import type { Row } from './row.ts';

/** Another build of Basyn, to be measured in the same run. */
export interface Build {
  readonly name: string;
  /** Its `dist/basyn.cjs`. */
  readonly path: string;
}

/** The command under which a build is installed. */
export function commandOf({ name }: Build): string {
  return `basyn-${name}`;
}

/** Adds each build to a row, behind the contender that performs the same work with the current build. */
export function withBuilds(row: Row, builds: readonly Build[]): Row {
  return { ...row, contenders: row.contenders.flatMap((each) => [each, ...variantsOf(each, builds)]) };
}

function variantsOf(contender: Contender, builds: readonly Build[]): Contender[] {
  if (contender.tool !== 'basyn') return [];
  return builds.map((build) => ({
    ...contender,
    name: contender.name.replace('basyn', commandOf(build)),
    tool: commandOf(build),
    command: (files) => contender.command(files).replace('basyn', commandOf(build)),
  }));
}
