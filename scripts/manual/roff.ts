/** Text as roff shows it: no character of it is a request or an escape, and a `-` can be copied as one. */
export function escapeRoff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^[.']/gm, '\\&$&');
}

export function bold(text: string): string {
  return `\\fB${escapeRoff(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${escapeRoff(text)}\\fR`;
}

/** Sentences of the table of options: code between backticks becomes bold, and a link becomes its text. */
export function markdownToRoff(text: string): string {
  return text
    .replaceAll(/\[([^\]]+)\]\(#[^)]+\)/g, '`$1`')
    .split('`')
    .map((part, index) => (index % 2 === 0 ? escapeRoff(part) : bold(part)))
    .join('');
}
