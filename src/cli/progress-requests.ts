let answer = (): void => undefined;

/**
 * Answers SIGUSR1. Call it before everything else: until there is a listener, node opens its debugger on a port of the
 * machine when it receives this signal. A request that comes before there is anything to report is ignored.
 */
export function acceptProgressRequests(): void {
  process.on('SIGUSR1', () => answer());
}

/** @param listener is called for each SIGUSR1 from now on. */
export function onProgressRequest(listener: () => void): void {
  answer = listener;
}
