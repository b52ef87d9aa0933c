import { BasynError, type Remedy } from '../errors.ts';

/** What the user can do, in the options of the command. */
const sentences: Readonly<Record<Remedy, string>> = {
  create: 'To create it as a regular file, add --create.',
  'do-not-create': 'If the file is still there, run the command again without --create.',
  grow: 'To extend the file to the size of the source, add --grow.',
  force: 'To write to it anyway, add --force.',
  'other-user': 'To log in as another user, add --user.',
  'other-node': 'To start another node there, name it with --remote-node.',
  'other-runtime': 'To send another node, name its file with --remote-runtime.',
  'snapshot-size': 'The space of the snapshot is the value of --snapshot=SIZE.',
  'changed-block-size': 'Name their size with --changed-block-size.',
  'no-list': 'Fill it once without --changed.',
  'longer-timeout': 'If the host or the link is only slow, raise --timeout.',
  'skip-read-errors': "To leave out what can't be read, add --skip-read-errors.",
  'update-bitmap': 'To make it anew, add --update-bitmap.',
};

/** The error as the command reports it: its message ends with the option that helps. */
export function withRemedy(error: BasynError): BasynError {
  return error.remedy === undefined ? error : withSentence(error, sentences[error.remedy]);
}

/** The same error with one more sentence in its message. */
export function withSentence(error: BasynError, sentence: string): BasynError {
  const longer = new BasynError(error.code, `${error.message} ${sentence}`, error, { cause: error.cause });
  if (error.stack !== undefined) longer.stack = error.stack;
  return longer;
}
