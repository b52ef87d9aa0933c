import type { OptionEntry } from '../../src/options/entry.ts';

/** What an option does, in one line: its first sentence. */
export function summaryOf({ help }: OptionEntry): string {
  const [sentence = ''] = help.split(/\.(?: |$)/);
  return sentence.replaceAll('`', '');
}
