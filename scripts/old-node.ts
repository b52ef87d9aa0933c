import { oldestNode } from './bundle.ts';

/**
 * A statement that ends the command with one sentence where node is too old. It comes first, and any node can run it:
 * what follows would fail there with an error of JavaScript.
 */
export function refusalOfOldNode(): string {
  const [major, minor] = oldestNode.split('.');
  const statement = `
    (function (version) {
      var parts = version.split('.');
      if (parts[0] > ${major} || (parts[0] == ${major} && parts[1] >= ${minor})) return;
      require('fs').writeSync(2, 'basyn: Basyn needs node ${oldestNode} or later, and this is node ' + version + '.\\n');
      process.exit(1);
    })(process.versions.node);`;
  return statement.replaceAll(/\n */g, ' ').trim();
}
