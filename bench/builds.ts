import type { Contender } from './contender.ts';
import type { Row } from './row.ts';
import { commandOf, type Build } from './tools.ts';

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
