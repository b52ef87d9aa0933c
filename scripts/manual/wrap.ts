const columns = 80;

/** The page with its sentences wrapped, as mandoc wants them. Requests and lines that are shown as they are stay as they are. */
export function wrapRoff(page: string): string {
  let isFilled = true;
  return page
    .split('\n')
    .flatMap((line) => {
      if (/^\.(nf|fi)\b/.test(line)) isFilled = line.startsWith('.fi');
      return line.startsWith('.') || !isFilled ? [line] : wrapLine(line);
    })
    .join('\n');
}

function wrapLine(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    // At the start of a line, these two would begin a request.
    const mayBegin = !/^[.']/.test(word);
    if (line !== '' && mayBegin && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
