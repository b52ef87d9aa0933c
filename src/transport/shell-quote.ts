/** Words that no shell changes. */
const plainWord = /^[\w@%+=:,./-]+$/;

/** A command line for a shell, from its words. */
export function shellQuoted(words: readonly string[]): string {
  return words.map((word) => (plainWord.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
