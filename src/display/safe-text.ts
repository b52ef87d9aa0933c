/**
 * C0 and C1 controls, DEL, the bidirectional marks, overrides and isolates, and Unicode's own line ends:
 * whatever moves the cursor, changes the terminal's state, or makes one text look like another.
 */
// eslint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line of text with all that a terminal would obey made visible: ESC becomes `\x1b`. */
export function safeText(line: string): string {
  return line.replace(unsafe, (character) => {
    const code = hexOf(character);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : unicodeEscape(character);
  });
}

/** A value as one line of JSON, in which the same characters are JSON's own escapes. */
export function safeJson(value: object): string {
  return JSON.stringify(value).replace(unsafe, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${hexOf(character).padStart(4, '0')}`;
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
