import { startCommand } from '../rig/processes/command.ts';
import { watchMemory, type MemoryWatch } from '../rig/processes/memory.ts';
import { killTree, reapedCpuMs } from '../rig/processes/processes.ts';
import { atExit } from '../rig/temporary.ts';
import type { Network } from './network.ts';

/** The resources that one run of a command used. The remote side is everything below the ssh server. */
export interface Run {
  readonly wallMs: number;
  /** User and system time of the command and all its descendants. */
  readonly localCpuMs: number;
  readonly remoteCpuMs: number;
  /** Both directions; undefined if ssh did not run. */
  readonly wireBytes: number | undefined;
}

/** The peak memory of the largest process of each side. */
export interface Peaks {
  readonly localPeakBytes: number;
  /** Undefined if ssh did not run. */
  readonly remotePeakBytes: number | undefined;
}

const COMMAND_DEADLINE_MS = 15 * 60_000;
const MEMORY_INTERVAL_MS = 10;

let runningPid: number | undefined;
atExit(() => {
  if (runningPid !== undefined) killTree(runningPid);
});

/** Runs a shell command line. Throws if it fails. */
export async function measure(
  command: string,
  network: Network | undefined,
  onStart: (pid: number) => void = () => undefined,
): Promise<Run> {
  await network?.resetWire();
  const localBeforeMs = reapedCpuMs(process.pid);
  const remoteBeforeMs = remoteCpuMs(network);
  const running = await startCommand('sh', ['-c', command], { deadlineMs: COMMAND_DEADLINE_MS });
  runningPid = running.pid;
  onStart(running.pid);
  const { exitCode, deadlineExceeded, wallMs, stderr } = await running.result;
  runningPid = undefined;
  if (exitCode !== 0) {
    const how = deadlineExceeded ? 'was stopped at its deadline' : `ended with ${exitCode}`;
    throw new Error(`${command}\n${how}: ${stderr}`);
  }
  await network?.untilIdle();
  return {
    wallMs,
    localCpuMs: reapedCpuMs(process.pid) - localBeforeMs,
    remoteCpuMs: remoteCpuMs(network) - remoteBeforeMs,
    wireBytes: await network?.wireBytes(),
  };
}

/** The same, but also samples the memory, which slows the run down. */
export async function measureWithMemory(command: string, network: Network | undefined): Promise<Run & Peaks> {
  const remote = network && watchMemory(network.serverPid, MEMORY_INTERVAL_MS);
  let local: MemoryWatch | undefined;
  try {
    const result = await measure(command, network, (pid) => (local = watchMemory(pid, MEMORY_INTERVAL_MS)));
    const remotePeakBytes = result.wireBytes === undefined ? undefined : largest(remote);
    return { ...result, localPeakBytes: largest(local) ?? 0, remotePeakBytes };
  } finally {
    local?.stop();
    remote?.stop();
  }
}

function largest(watch: MemoryWatch | undefined): number | undefined {
  return watch?.stop()[0]?.peakRssBytes;
}

function remoteCpuMs(network: Network | undefined): number {
  return network === undefined ? 0 : reapedCpuMs(network.serverPid);
}
