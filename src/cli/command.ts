import type { Restriction } from '../agent/restriction.ts';
import { BasynError, exitCodeOf, runEnded, systemReason } from '../errors.ts';
import type { Observation } from '../options/types.ts';
import type { Environment, ExitCode, Library } from './environment.ts';
import { helpLines, usageLines } from './help.ts';
import { Milestone } from './interrupted-run.ts';
import { namedFilesOf } from '../options/named-files.ts';
import type { Task } from '../options/task.ts';
import { requireSeparateFiles } from '../separate-files.ts';
import type { RunMetrics } from './metrics/run-metrics.ts';
import { type Command, type Display, displayOf, parseCommand } from './options.ts';
import { outputFilesOf } from './output-files.ts';
import { Output } from './output.ts';
import { type Reporter, together } from './reporter.ts';
import { withRemedy } from './remedies.ts';
import { refuseScpNotation } from './scp-notation.ts';
import { serveHelpLines } from './serve.ts';
import { reportersOf } from './reporters.ts';
import { commandWording } from './wording.ts';
import { withPage } from './write-page.ts';

/** Carries out a command line, from its words to the exit code. Never rejects. */
export async function runCommand(argv: readonly string[], environment: Environment): Promise<ExitCode> {
  const output = new Output(environment);
  const exitCode = await execute(argv, environment, output);
  const ending = await output.flush(environment.interruption);
  if (ending === 'written') return exitCode;
  const reason = ending === 'unread' ? 'its reader did not take it before the signal' : systemReason(ending);
  output.notice(`basyn: The output can't be written to the end: ${reason}.`, 'kept', 'error');
  return 2;
}

async function execute(argv: readonly string[], environment: Environment, output: Output): Promise<ExitCode> {
  try {
    const command = parseCommand(argv);
    switch (command.kind) {
      case 'usage':
        usageLines.forEach((line) => output.notice(line));
        return 1;
      case 'help':
        helpLines().forEach((line) => output.print(line));
        return 0;
      case 'help for serve':
        serveHelpLines().forEach((line) => output.print(line));
        return 0;
      case 'version':
        output.print(`basyn ${environment.version}`);
        return 0;
      case 'serve':
        return await serve(command.restriction, environment);
      case 'jobs': {
        const { carryOutJobs } = await import('./jobs/carry-out.ts');
        return await carryOutJobs(command, environment, output);
      }
      case 'run': {
        const { kind, options } = command.task;
        requireSeparateFiles([...namedFilesOf(kind, options), ...outputFilesOf(command)]);
        const order = { ...command, metrics: await metricsOf(command) };
        const reporters = reportersOf(command.display, environment, output, command.task.options.host);
        if (command.reportPath === undefined) return await carryOut(order, reporters, environment);
        const { RunPageReporter } = await import('./html-report.ts');
        const page = new RunPageReporter(command.reportPath, environment);
        return withPage(page, await carryOut(order, [page, ...reporters], environment), output);
      }
    }
  } catch (thrown) {
    const error = BasynError.from(thrown);
    together(reportersOf(displayOfWrong(argv), environment, output)).failed(error);
    return exitCodeOf(error);
  }
}

/** @throws {BasynError} what is wrong before a client begins a run. A client is told what is wrong with its run. */
async function serve(restriction: Restriction, environment: Environment): Promise<never> {
  const { interruption, crash } = environment;
  const interrupted = new Promise<never>((_resolve, reject) => {
    interruption.addEventListener('abort', () => reject(runEnded()), { once: true });
  });
  return Promise.race([environment.serve(restriction), crash, interrupted]);
}

interface RunOrder {
  readonly task: Task;
  readonly display: Display;
  readonly metrics: RunMetrics | undefined;
}

/** @throws {BasynError} `usage`, where the file of metrics can't be used. */
async function metricsOf({
  task,
  metricsPath,
}: Extract<Command, { kind: 'run' }>): Promise<RunMetrics | undefined> {
  if (metricsPath === undefined) return undefined;
  const { RunMetrics } = await import('./metrics/run-metrics.ts');
  return new RunMetrics(metricsPath, task);
}

async function carryOut(
  { task, display, metrics }: RunOrder,
  reporters: readonly Reporter[],
  environment: Environment,
): Promise<ExitCode> {
  const { interruption, crash, library } = environment;
  const milestone = new Milestone(commandWording);
  const all = together([milestone, ...reporters]);
  const reporter = metrics === undefined ? all : metrics.before(all);
  interruption.addEventListener('abort', () => reporter.interrupted(), { once: true });
  try {
    refuseScpNotation(task, commandWording);
    reporter.started(task);
    const observation = {
      onEvent: reporter.event,
      ...(reporters.some((each) => 'extent' in each) && { onExtent: reporter.extent }),
      signal: interruption,
      debug: display.debug,
    };
    return await Promise.race([perform(task, library, observation, reporter), crash]);
  } catch (thrown) {
    const error = interruption.aborted
      ? milestone.interruption(interruption, thrown)
      : milestone.failure(withRemedy(BasynError.from(thrown), commandWording));
    reporter.failed(error);
    return exitCodeOf(error);
  }
}

async function perform(
  task: Task,
  library: Library,
  observation: Observation,
  reporter: Required<Reporter>,
): Promise<ExitCode> {
  if (task.kind === 'inspect') {
    reporter.found(await library.inspect({ ...task.options, ...observation }));
    return 0;
  }
  if (task.kind === 'record') {
    reporter.recorded(await library.record({ ...task.options, ...observation }));
    return 0;
  }
  const report =
    task.kind === 'sync'
      ? await library.sync({ ...task.options, ...observation })
      : await library.recheck({ ...task.options, ...observation });
  reporter.finished(report);
  return report.matches ? 0 : 2;
}

/** How to tell that the command line itself is wrong. */
function displayOfWrong(argv: readonly string[]): Display {
  return displayOf((flag) => (flag === 'debug' || flag === 'json') && argv.includes(`--${flag}`));
}
