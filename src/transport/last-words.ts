/** A sentence should stay one. */
const maxCharacters = 300;

/** Lines that are never a reason. */
const noise = [
  // ssh's own, of `LogLevel=DEBUG`.
  /^debug\d: /,
  // A lane that the server did not let in. The run does without it.
  /^channel \d+: open failed: |^Stdio forwarding request failed|^stdio forwarding failed/,
  // The loader, which a shell repeats to show what it did not understand.
  /^[^:]*-e 'var f=require/,
  // A crash of node: stack frames, dashes, its version, an object in braces.
  /^\s*at |^\s*\d+: 0x|^-+ |^Node\.js v\d|^\s+\w+: |FailureMessage Object/,
];

/** A line that is the reason whatever comes after it, as traces and hints do. */
const fatal =
  /FATAL ERROR|Fatal (process|error|JavaScript)|terminate called|^(Uncaught )?\w*Error( \[\w+\])?: /;

/**
 * The line that says best why a command failed: mostly the last one, but some programs go on with traces, hints or
 * underlining.
 *
 * @param lines that it wrote to stderr, oldest first.
 * @returns undefined if no line says anything.
 */
export function reasonIn(lines: readonly string[]): string | undefined {
  const telling = lines
    // A refused command is repeated within its line; V8 and fish put marks in front.
    .map((line) => line.replace(/-e '?var f=require.*/, '-e ...').replace(/^\s*(#|fish:)\s*/, ''))
    .filter((line, index) => /\p{L}/u.test(line) && !noise.some((pattern) => pattern.test(lines[index]!)));
  const reason = telling.find((line) => fatal.test(line)) ?? telling.at(-1);
  return reason?.trim().slice(0, maxCharacters);
}
