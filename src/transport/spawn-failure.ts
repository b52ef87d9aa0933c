import { systemReason } from '../errors.ts';

/** Why a program could not be started on this machine, and what to do: the second half of a sentence. */
export function spawnFailureReason(file: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return `${file} is not installed here, or not in PATH`;
  const advice = spawnAdvice[error.code ?? ''];
  return `${file} can't be started: ${systemReason(error)}${advice === undefined ? '' : `: ${advice}`}`;
}

const spawnAdvice: Partial<Record<string, string>> = {
  EMFILE: 'raise the limit on open files (ulimit -n)',
  ENFILE: 'raise the limit on open files of the system (fs.file-max)',
  EAGAIN: 'raise the limit on processes (ulimit -u), or end some of them',
  ENOMEM: 'this machine has no memory left for it',
};
