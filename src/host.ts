/** A host as the user writes it, taken apart: "me@backup", "::1", "me@[::1]". */
export interface HostParts {
  readonly user: string | undefined;
  /** Without the brackets in which an IPv6 address may stand. */
  readonly address: string;
}

/**
 * The host as ssh takes it: an IPv6 address has no brackets there.
 *
 * @param host `host` or `user@host`.
 */
export function sshHost(host: string): string {
  const { user, address } = hostParts(host);
  return user === undefined ? address : `${user}@${address}`;
}

/** Takes a host apart. The address may be empty. */
export function hostParts(host: string): HostParts {
  const at = host.lastIndexOf('@');
  const address = host.slice(at + 1);
  return {
    user: at < 0 ? undefined : host.slice(0, at),
    address: /^\[(.*:.*)\]$/.exec(address)?.[1] ?? address,
  };
}
