import { closeSync, existsSync, openSync } from 'node:fs';
import { monotonicMs } from '../clock.ts';
import { inspect, recheck, record, runJobs, sync } from '../index.ts';
import { runCommand } from './command.ts';
import { journalStreams } from './journal.ts';
import { leave } from './leave.ts';
import { abortOnSignals, givenUp } from './signals.ts';
import { acceptProgressRequests, onProgressRequest } from './progress-requests.ts';
import { requireClient } from './serve.ts';
import { openStandardStream } from './standard-stream.ts';

acceptProgressRequests();

const interruption = abortOnSignals(process, monotonicMs, () => {
  leaveStandardStreams();
  void leave(2);
});
const uncaught = new Promise<never>((_resolve, reject) => {
  // Node hands unhandled rejections to this event, too.
  process.on('uncaughtException', reject);
});
uncaught.catch(() => undefined);
const overdue = givenUp(interruption);
const crash = Promise.race([uncaught, overdue]);
// Between the end of the run and the exit nobody listens any more.
crash.catch(() => undefined);
let isOverdue = false;
overdue.catch(() => {
  isOverdue = true;
});

void runCommand(process.argv.slice(2), {
  library: { sync, recheck, record, inspect, runJobs },
  serve: async (restriction) => {
    requireClient(process.env);
    // Only this command needs the agent. A local run of small files is over before the agent would be there.
    const [{ serveRestricted }, { threadProgram }] = await Promise.all([
      import('../agent/restricted.ts'),
      import('../agent-program.ts'),
    ]);
    return serveRestricted(restriction, threadProgram());
  },
  version: __BASYN_VERSION__,
  now: Date.now,
  interruption,
  onProgressRequest,
  crash,
  uncaught,
  terminalType: process.env.TERM,
  journal: journalStreams(process.env.JOURNAL_STREAM),
  get stdout() {
    return openStandardStream(1);
  },
  get stderr() {
    return openStandardStream(2);
  },
}).then((exitCode) => {
  if (interruption.aborted) leaveStandardStreams();
  return isOverdue ? leave(2) : process.exit(exitCode);
});

/**
 * At its end, node sets the terminals of stdin, stdout and stderr back to what they were, and crashes where one has hung up
 * (SIGHUP). It leaves out descriptors that lead elsewhere by then. A new descriptor takes the lowest free number.
 */
function leaveStandardStreams(): void {
  for (const fd of [0, 1, 2]) {
    try {
      closeSync(fd);
    } catch (error) {
      // The caller has closed it already.
      if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error;
    }
    // In a root without devices, the descriptor stays closed.
    if (existsSync('/dev/null')) openSync('/dev/null', 'r+');
  }
}
