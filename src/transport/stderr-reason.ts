import { bounds } from '../limits.ts';

/** Lines that are never the reason. */
const noise = [
  // Printed by ssh with `LogLevel=DEBUG`.
  /^debug\d: /,
  // The server refused a lane. The run goes on without it.
  /^channel \d+: open failed: |^Stdio forwarding request failed|^stdio forwarding failed/,
  // The loader program, which a shell repeats to show what it did not understand.
  /^[^:]*(-e 'var f=require|sh -c 'if (command -v node|true))/,
  // A crash of node: stack frames, dashes, its version, an object in braces.
  /^\s*at |^\s*\d+: 0x|^-+ |^Node\.js v\d|^\s+\w+: |FailureMessage Object/,
];

/** A line that is the reason, whatever follows it: traces and hints do. */
const fatal =
  /FATAL ERROR|Fatal (process|error|JavaScript)|terminate called|^(Uncaught )?\w*Error( \[\w+\])?: /;

/**
 * The line that best explains why a command failed. Mostly this is the last one, but some programs print traces, hints or
 * underlining after the reason.
 *
 * @param lines that the command wrote to stderr, oldest first.
 * @returns undefined if no line explains it.
 */
export function reasonIn(lines: readonly string[]): string | undefined {
  const telling = lines
    // The line about a refused command repeats the command. V8 and fish put marks in front of the text.
    .map((line) =>
      line
        .replace(/-e '?var f=require.*/, '-e ...')
        .replace(/sh -c '?if (command -v node|true).*/, 'sh -c ...')
        .replace(/^\s*(#|fish:)\s*/, ''),
    )
    .filter((line, index) => /\p{L}/u.test(line) && !noise.some((pattern) => pattern.test(lines[index]!)));
  const reason = telling.find((line) => fatal.test(line)) ?? telling.at(-1);
  return reason?.trim().slice(0, bounds.reasonCharacters);
}

/** How ssh reports that there is no connection, or that it has ended. */
const linkFailures = [
  /^ssh: connect to (host|address) .* port \d+: /,
  /^(kex_exchange_identification|ssh_exchange_identification|ssh_dispatch_run_fatal|client_loop|mux_client\w*): /,
  /^(Connection|Read from socket|Write) .*(closed by|reset by|timed out|failed: (Connection reset|Broken pipe))/i,
  /^Connection to .* (closed|timed out)/,
  /^Timeout, server .* not responding/,
  /^System is (booting up|going down)/,
];

/** Reasons that another attempt does not change. The end of a connection follows them where ssh uses another host. */
const refusals =
  /Permission denied|Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|host key is known|Could not resolve|Too many authentication failures/i;

/**
 * Whether ssh failed because it could not reach the host, or because the connection ended. Another reason, also an unknown
 * one, is none of these.
 *
 * @param lines that it wrote to stderr, oldest first.
 */
export function isLinkFailure(lines: readonly string[]): boolean {
  const reason = reasonIn(lines);
  const isRefused = lines.some((line) => refusals.test(line) && !line.startsWith('debug'));
  if (reason === undefined || isRefused) return false;
  return linkFailures.some((pattern) => pattern.test(reason));
}
