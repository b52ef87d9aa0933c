import { inspect, recheck, sync } from '../index.ts';
import { runCommand } from './command.ts';
import { abortOnSignals } from './signals.ts';

const crash = new Promise<never>((_resolve, reject) => {
  // Node hands unhandled rejections to this event, too.
  process.on('uncaughtException', reject);
});
// Between the end of the run and the exit nobody listens any more.
crash.catch(() => undefined);

void runCommand(process.argv.slice(2), {
  library: { sync, recheck, inspect },
  version: __BASYN_VERSION__,
  now: Date.now,
  interruption: abortOnSignals(process, Date.now, () => process.exit(2)),
  crash,
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
}).then((exitCode) => process.exit(exitCode));
