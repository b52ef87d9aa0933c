import { BasynError, type Remedy } from '../errors.ts';
import type { Wording } from '../options/wording.ts';

/** What the user can do, in the options of the command or of a file of jobs. */
const sentences: Readonly<Record<Remedy, (wording: Wording) => string>> = {
  create: ({ turnOn }) => `To create it as a regular file, add ${turnOn('create')}.`,
  'do-not-create': ({ name }) => `If the file is still there, run it again without ${name('create')}.`,
  grow: ({ turnOn }) => `To extend the file to the size of the source, add ${turnOn('grow')}.`,
  force: ({ turnOn }) => `To write to it anyway, add ${turnOn('force')}.`,
  'other-user': ({ name }) => `To log in as another user, add ${name('user')}.`,
  'other-node': ({ name }) => `To start another node there, name it with ${name('remote-node')}.`,
  'other-runtime': ({ name }) => `To send another node, name its file with ${name('remote-runtime')}.`,
  'snapshot-size': ({ write }) => `The space of the snapshot is the value of ${write({ snapshot: 'SIZE' })}.`,
  'changed-block-size': ({ name }) => `Name their size with ${name('changed-block-size')}.`,
  'no-list': ({ name }) => `Fill it once without ${name('changed')}.`,
  'longer-timeout': ({ name }) => `If the host or the link is only slow, raise ${name('timeout')}.`,
  'skip-read-errors': ({ turnOn }) => `To leave out what can't be read, add ${turnOn('skip-read-errors')}.`,
  'update-bitmap': ({ turnOn }) => `To make it anew, add ${turnOn('update-bitmap')}.`,
};

/** The error as the command reports it: its message ends with the option that helps. */
export function withRemedy(error: BasynError, wording: Wording): BasynError {
  return error.remedy === undefined ? error : withSentence(error, sentences[error.remedy](wording));
}

/** The same error with one more sentence in its message. */
export function withSentence(error: BasynError, sentence: string): BasynError {
  const longer = new BasynError(error.code, `${error.message} ${sentence}`, error, { cause: error.cause });
  if (error.stack !== undefined) longer.stack = error.stack;
  return longer;
}
