import { posix } from 'node:path';
import { StackIndex, stacksAt, type Stack } from '../device/device.ts';
import { BasynError, type Side } from '../errors.ts';
import { writtenSideOf } from '../options/written-side.ts';
import { fileKeyAt } from '../separate-files.ts';
import type { Job } from './job.ts';

/** A device of a job. */
interface Endpoint {
  readonly job: string;
  readonly role: 'source' | 'target';
  readonly path: string;
  /** Undefined: this machine. */
  readonly host: string | undefined;
  /** The storage, as far as it is on this machine and known. */
  readonly stack: Stack | undefined;
}

/** Where the devices of some jobs are. */
export class JobDevices {
  readonly #endpoints: readonly Endpoint[];

  /** Examines the devices on this machine. None is opened. */
  constructor(jobs: readonly Job[]) {
    const endpoints = jobs.flatMap(endpointsOf);
    const stacks = stacksAt(endpoints.filter(({ host }) => host === undefined).map(({ path }) => path));
    let next = 0;
    this.#endpoints = endpoints.map((endpoint) => ({
      ...endpoint,
      stack: endpoint.host === undefined ? stacks[next++] : undefined,
    }));
  }

  /**
   * Two jobs must not write to one target, nor one to the source of another. On this machine, devices are compared by what
   * storage they are, and files that do not exist yet by their directory and name; on a host, the path is compared. What stays unknown is found by the claim of each run on its target.
   *
   * @throws {BasynError} `usage`, which names both jobs.
   */
  requireSeparateTargets(): void {
    const targets = this.#endpoints.filter(({ role }) => role === 'target');
    const byPath = new Map<string, Endpoint>();
    const byStorage = new StackIndex<Endpoint>();
    for (const target of targets) {
      refuseShared(target, byPath, byStorage);
      byPath.set(keyOf(target), target);
      if (target.stack !== undefined) byStorage.add(target.stack, target);
    }
    const sources = this.#endpoints.filter(({ role }) => role === 'source');
    for (const source of sources) refuseShared(source, byPath, byStorage);
  }

  /** The disks of this machine below the devices of a job, by their numbers. */
  disksOf({ name }: Job): string[] {
    const stores = this.#endpoints
      .filter(({ job }) => job === name)
      .flatMap(({ stack }) => stack?.regions ?? [])
      .map(({ store }) => store)
      .filter((store) => store.startsWith('block '));
    return [...new Set(stores)];
  }
}

function endpointsOf({ name, kind, options }: Job): Omit<Endpoint, 'stack'>[] {
  const { local, remote, host } = options;
  const targetSide = writtenSideOf(kind, options);
  const endpoint = (side: Side, path: string | undefined): Omit<Endpoint, 'stack'>[] => {
    if (path === undefined) return [];
    const role = side === targetSide ? 'target' : 'source';
    return [{ job: name, role, path, host: side === 'remote' ? host : undefined }];
  };
  return [...endpoint('local', local), ...endpoint('remote', remote)];
}

function keyOf({ host, path }: Endpoint): string {
  return host === undefined ? fileKeyAt(path) : `host ${host.toLowerCase()} ${posix.normalize(path)}`;
}

function refuseShared(
  endpoint: Endpoint,
  byPath: ReadonlyMap<string, Endpoint>,
  byStorage: StackIndex<Endpoint>,
): void {
  const named = byPath.get(keyOf(endpoint));
  if (named !== undefined) refuseIfOther(named, endpoint);
  if (endpoint.stack === undefined) return;
  for (const target of byStorage.sharing(endpoint.stack)) refuseIfOther(target, endpoint);
}

/** A job may name one device twice. Its own run refuses that. */
function refuseIfOther(target: Endpoint, other: Endpoint): void {
  if (target.job === other.job) return;
  const use = other.role === 'target' ? 'is also the target' : 'is the source';
  const alias = target.path === other.path ? '' : ` under the name ${other.path}`;
  throw new BasynError(
    'usage',
    `Job ${target.job} writes to ${shown(target)}, which ${use} of job ${other.job}${alias}.`,
  );
}

function shown({ host, path }: Endpoint): string {
  return host === undefined ? path : `${path} on ${host}`;
}
