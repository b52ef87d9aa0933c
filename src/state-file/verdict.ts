import { doubtAbout, type ContentMarks, type Doubt } from '../device/device.ts';
import type { Header } from './header.ts';

/** The target of a run, before its first write. */
export interface RecordedTarget {
  /** The host as the user wrote it. '' for the host on which the command runs. */
  readonly host: string;
  readonly path: string;
  readonly marks: ContentMarks;
}

type TargetName = Pick<RecordedTarget, 'host' | 'path'>;

/** Whether the digests of a state file count, except those of marked buffers. */
export type Verdict =
  | { readonly uses: 'digests'; readonly warning?: string }
  /** `isExpected`: nothing is wrong, so there is no reason for a warning. */
  | { readonly uses: 'nothing'; readonly reason: string; readonly isExpected: boolean };

/**
 * Decides what a state file is worth for this target.
 *
 * @param trust `given`: the user vouches for the target.
 */
export function judge(header: Header, target: RecordedTarget, trust: 'proved' | 'given'): Verdict {
  const recorded = header.target;
  // It was made from the source alone. A sample is compared in the first run.
  if (recorded === null) {
    if (header.state === 'clean') return { uses: 'digests' };
    return {
      uses: 'nothing',
      reason: 'the run that made it, or the first one with a target, was interrupted',
      isExpected: true,
    };
  }
  if (!isSameTarget(recorded, target)) {
    const reason = `it describes another target, ${nameOf(recorded)}`;
    return { uses: 'nothing', reason, isExpected: false };
  }
  const reason = reasonAgainst(header.state, recorded, target);
  if (reason === undefined) return { uses: 'digests' };
  if (trust === 'proved') return { uses: 'nothing', reason, isExpected: false };
  return { uses: 'digests', warning: `is trusted as requested, although ${reason}` };
}

function reasonAgainst(
  state: Header['state'],
  recorded: NonNullable<Header['target']>,
  { marks }: RecordedTarget,
): string | undefined {
  // The counters have the writes of the interrupted run in them, and may have those of somebody else. Nothing tells them apart.
  if (state === 'open') {
    return 'the last run was interrupted, so that it is not known whether anything else has written to the target since then';
  }
  return reasonOf(doubtAbout(recorded.marks, marks));
}

function reasonOf(doubt: Doubt | undefined): string | undefined {
  switch (doubt) {
    case undefined:
      return undefined;
    case 'unknown':
      return 'it is not known whether anything else has written to the target since the last run';
    case 'restarted':
      return 'the host of the target has been restarted since the last run';
    case 'attached again':
      return 'the target was attached again since the last run, or is another device';
    case 'written to':
      return 'something else has written to the target since the last run';
  }
}

/** Whether both have one name. What is there now may be another device. */
export function isSameTarget(one: TargetName, other: TargetName): boolean {
  return one.host === other.host && one.path === other.path;
}

/** "/dev/sda1", or "/dev/sda1 on backup". */
export function nameOf({ host, path }: TargetName): string {
  return host === '' ? path : `${path} on ${host}`;
}
