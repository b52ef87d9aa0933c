import { BasynError } from './errors.ts';

/** `--host`, taken apart: "me@backup", "::1", "me@[::1]". */
interface HostParts {
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
  const { user, address } = partsOf(host);
  return user === undefined ? address : `${user}@${address}`;
}

/**
 * @param user of `--user`, if there is one.
 * @throws {BasynError} `usage`, with the way to write it where that can be known.
 */
export function requireHost(host: string, user: string | undefined): void {
  refuseUrl(host);
  refusePort(host);
  const parts = partsOf(host);
  if (parts.address === '' || parts.address.startsWith('-') || hasControlOrSpace(parts.address)) {
    throw new BasynError('usage', `--host: ${JSON.stringify(host)} is not a host name or address.`);
  }
  for (const name of [user, parts.user]) {
    if (name !== undefined && !isUser(name)) {
      throw new BasynError('usage', `--user: ${JSON.stringify(name)} is not a user name.`);
    }
  }
  if (user !== undefined && parts.user !== undefined && user !== parts.user) {
    throw new BasynError('usage', `--user=${user} and --host=${host} name two users: leave one of them out.`);
  }
}

function partsOf(host: string): HostParts {
  const at = host.lastIndexOf('@');
  const address = host.slice(at + 1);
  return {
    user: at < 0 ? undefined : host.slice(0, at),
    address: /^\[(.*:.*)\]$/.exec(address)?.[1] ?? address,
  };
}

function refuseUrl(host: string): void {
  const url = /^[a-z]+:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(?:\/.*)?$/i.exec(host);
  if (url === null) return;
  const [, user, address = '', port] = url;
  throw new BasynError(
    'usage',
    `--host: ${JSON.stringify(host)} is a URL, and a host name or address is needed: ` +
      `write ${optionsFor(address, user, port)}.`,
  );
}

/** An IPv6 address without brackets has several colons; a colon before a port is the only one, or follows a bracket. */
function refusePort(host: string): void {
  const { user, address: rest } = partsOf(host);
  const [, address, port] = /^(\[[^\]]*\]|[^:[\]]+):(\d+)$/.exec(rest) ?? [];
  if (address === undefined) return;
  throw new BasynError(
    'usage',
    `--host: ${JSON.stringify(host)} has a port, which is an option of its own: ` +
      `write ${optionsFor(address, user, port)}.`,
  );
}

function optionsFor(address: string, user: string | undefined, port: string | undefined): string {
  const options = [
    `--host=${address === '' ? 'HOST' : address}`,
    ...(user === undefined ? [] : [`--user=${user}`]),
    ...(port === undefined ? [] : [`--port=${port}`]),
  ];
  return options.join(' ');
}

/** ssh takes a space in it, but none before a dash, which a shell of its own could take for an option. */
function isUser(name: string): boolean {
  // eslint-disable-next-line no-control-regex
  return name.trim() !== '' && !/^-|\s-|[\u0000-\u001f\u007f]/.test(name);
}

function hasControlOrSpace(text: string): boolean {
  return /[\s\0]/.test(text);
}
