import { safeText } from '../cli/safe-text.ts';

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

/** The text, cut to a number of characters. */
export function cut(text: string, characters: number): string {
  if (text.length <= characters) return text;
  // Half of a pair is no character.
  return `${text.slice(0, characters - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The end of a path says more than its beginning. */
export function cutPath(path: string, characters: number): string {
  if (path.length <= characters) return path;
  return `…${path.slice(path.length - characters + 1).replace(/^[\udc00-\udfff]/, '')}`;
}

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
