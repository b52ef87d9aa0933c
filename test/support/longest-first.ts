import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take long, the longest first. They start first, so that none of them runs alone at the end. A file that is
 * missing here starts later, and nothing else.
 */
const longFiles = [
  'lab/lab',
  'faults/retries',
  'end-to-end/state-file',
  'end-to-end/sparse',
  'faults/links',
  'end-to-end/hosts-without-node',
  'faults/power-cut',
  'faults/peer',
  'faults/state-file-crashes',
  'faults/storage',
  'session/recorded',
  'packaging',
  'end-to-end/standalone',
  'faults/shell',
  'faults/threads',
  'end-to-end/directions',
  'end-to-end/slow-uploads',
  'end-to-end/sent-programs',
  'faults/changes',
  'faults/bad-sectors',
  'end-to-end/bandwidth-limit',
  'faults/altered-data',
  'end-to-end/output',
  'end-to-end/bad-input',
  'faults/lost-writes',
  'end-to-end/memory-options',
  'faults/state-file',
  'end-to-end/read-limit',
  'end-to-end/recheck',
  'completion',
  'end-to-end/lanes',
  'end-to-end/serve',
  'device/openers',
  'end-to-end/signals',
  'faults/readers',
  'release',
  'end-to-end/grow',
].map((name) => `test/${name}.test.ts`);

/** Vitest remembers how long each file took. A clean clone has no such memory. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rankOf = ({ moduleId }: TestSpecification): number => {
      const rank = longFiles.indexOf(relative(this.ctx.config.root, moduleId));
      return rank === -1 ? longFiles.length : rank;
    };
    return sorted.sort((a, b) => rankOf(a) - rankOf(b));
  }
}
