import { BasynError } from '../errors.ts';
import { hostParts } from '../host.ts';
import type { Wording } from './wording.ts';

/**
 * @param user of the option `user`, if there is one.
 * @throws {BasynError} `usage`. The message shows the correct form if it can be derived.
 */
export function requireHost(host: string, user: string | undefined, wording: Wording): void {
  refuseUrl(host, wording);
  refusePort(host, wording);
  const parts = hostParts(host);
  if (parts.address === '' || parts.address.startsWith('-') || hasControlOrSpace(parts.address)) {
    throw new BasynError(
      'usage',
      `${wording.name('host')}: ${JSON.stringify(host)} is not a host name or address.`,
    );
  }
  for (const name of [user, parts.user]) {
    if (name !== undefined && !isUser(name)) {
      throw new BasynError('usage', `${wording.name('user')}: ${JSON.stringify(name)} is not a user name.`);
    }
  }
  if (user !== undefined && parts.user !== undefined && user !== parts.user) {
    throw new BasynError(
      'usage',
      `${wording.write({ user })} and ${wording.write({ host })} name two users: leave one of them out.`,
    );
  }
}

function refuseUrl(host: string, wording: Wording): void {
  const url = /^[a-z]+:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^:/]*)(?::(\d+))?(?:\/.*)?$/i.exec(host);
  if (url === null) return;
  const [, user, address = '', port] = url;
  throw new BasynError(
    'usage',
    `${wording.name('host')}: ${JSON.stringify(host)} is a URL, and a host name or address is needed: ` +
      `write ${optionsFor(address, user, port, wording)}.`,
  );
}

/** An IPv6 address without brackets has several colons; a colon before a port is the only one, or follows a bracket. */
function refusePort(host: string, wording: Wording): void {
  const { user, address: rest } = hostParts(host);
  const [, address, port] = /^(\[[^\]]*\]|[^:[\]]+):(\d+)$/.exec(rest) ?? [];
  if (address === undefined) return;
  throw new BasynError(
    'usage',
    `${wording.name('host')}: ${JSON.stringify(host)} has a port, which is an option of its own: ` +
      `write ${optionsFor(address, user, port, wording)}.`,
  );
}

function optionsFor(
  address: string,
  user: string | undefined,
  port: string | undefined,
  wording: Wording,
): string {
  return wording.write({
    host: address === '' ? 'HOST' : address,
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port }),
  });
}

/** ssh takes a space in it, but none before a dash, which a shell of its own could take for an option. */
function isUser(name: string): boolean {
  // eslint-disable-next-line no-control-regex
  return name.trim() !== '' && !/^-|\s-|[\u0000-\u001f\u007f]/.test(name);
}

function hasControlOrSpace(text: string): boolean {
  return /[\s\0]/.test(text);
}
