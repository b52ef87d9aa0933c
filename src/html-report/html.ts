import { safeText } from '../display/safe-text.ts';

/** A piece of a page that needs no more escaping. Only the tag {@link html} makes one. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Content = string | number | Html | readonly Html[] | undefined;

/** The tag of a template: every text that is put in is escaped, so that no path, host name or message becomes markup. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const pieces = contents.map((content, index) => textOf(content) + parts[index + 1]!);
  return new Html(parts[0]! + pieces.join(''));
}

/** A piece of markup of our own that holds nothing from outside, such as the style sheet. */
export function verbatim(text: string): Html {
  return new Html(text);
}

/** The beginning of a text, which takes at most this number of bytes on the page. */
export function cut(text: string, bytes: number): string {
  const characters = Array.from(text);
  const kept = countOf(characters, bytes);
  return kept === characters.length ? text : `${characters.slice(0, kept).join('')}…`;
}

/** The same of a path, whose end says more than its beginning. */
export function cutPath(path: string, bytes: number): string {
  const backwards = Array.from(path).reverse();
  const kept = countOf(backwards, bytes);
  return kept === backwards.length ? path : `…${backwards.slice(0, kept).reverse().join('')}`;
}

/** How many of the characters fit: all, or as many as leave room for an ellipsis. */
function countOf(characters: readonly string[], bytes: number): number {
  let usedBytes = 0;
  let keptCount = 0;
  for (const character of characters) {
    usedBytes += Buffer.byteLength(escape(character));
    if (usedBytes > bytes) return keptCount;
    if (usedBytes <= bytes - ellipsisBytes) keptCount += 1;
  }
  return characters.length;
}

const ellipsisBytes = 3;

function textOf(content: Content): string {
  if (content === undefined) return '';
  if (typeof content === 'number') return String(content);
  if (content instanceof Html) return content.text;
  if (typeof content === 'string') return escape(content);
  return content.map(({ text }) => text).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that a page can not contain are shown as they are on a terminal. */
function escape(text: string): string {
  return safeText(text).replace(/[&<>"']/g, (character) => entities[character]!);
}
