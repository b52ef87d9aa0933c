import { fstatSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';
import type { Restriction } from '../agent/restriction.ts';
import { BasynError } from '../errors.ts';
import { serveOptions, type ServeOption, type ServeOptionName } from '../options/serve.ts';
import { suggest } from '../options/suggest.ts';
import { wrap } from './wrap.ts';

const names = Object.keys(serveOptions) as ServeOptionName[];
const entries: Readonly<Record<string, ServeOption>> = serveOptions;

/**
 * Reads what follows `serve` on a command line.
 *
 * @throws {BasynError} `usage`, with one sentence.
 */
export function parseServe(argv: readonly string[]): Restriction {
  const options = Object.fromEntries(
    names.map((name) => [name, { type: placeholderOf(name) === undefined ? 'boolean' : 'string' } as const]),
  );
  const allowedPaths: string[] = [];
  let access: Restriction['access'] = 'read and write';
  for (const token of parseArgs({ args: [...argv], options, strict: false, tokens: true }).tokens) {
    if (token.kind === 'positional') {
      throw usage(`${JSON.stringify(token.value)} is not an option of serve: write --allow=PATH.`);
    }
    if (token.kind === 'option-terminator') throw usage('"--" is not an option of serve.');
    switch (token.name) {
      case 'allow':
        allowedPaths.push(allowedPath(token.value));
        break;
      case 'read-only':
        if (token.value !== undefined) throw usage('--read-only takes no value.');
        access = 'read';
        break;
      default:
        throw unknownOption(token.rawName);
    }
  }
  if (allowedPaths.length === 0) {
    throw usage('serve needs --allow: name what the key may use, as in --allow=/dev/vg0/backup.');
  }
  return { allowedPaths, access };
}

function placeholderOf(name: ServeOptionName): string | undefined {
  return entries[name]?.placeholder;
}

function allowedPath(value: string | undefined): string {
  if (value === undefined || value === '') throw usage('--allow needs a path.');
  if (!isAbsolute(value)) throw usage(`--allow must be an absolute path, not ${JSON.stringify(value)}.`);
  if (value.split('/').includes('..'))
    throw usage(`--allow must not contain "..", as ${JSON.stringify(value)} does.`);
  return value;
}

function unknownOption(rawName: string): BasynError {
  const meant = suggest(rawName.replace(/^-+/, ''), names);
  const hint = meant === undefined ? 'basyn serve --help lists the options.' : `Did you mean --${meant}?`;
  return usage(`serve has no option ${rawName}. ${hint}`);
}

/**
 * Requires that a client has been connected to stdin and stdout.
 *
 * @throws {BasynError} `usage`, where a user has started the command, or has asked sshd for a shell, with what to do instead.
 */
export function requireClient({
  SSH_CONNECTION,
  SSH_ORIGINAL_COMMAND,
  SUDO_COMMAND,
}: NodeJS.ProcessEnv): void {
  // sudo removes one variable or both.
  if (SSH_CONNECTION !== undefined && SSH_ORIGINAL_COMMAND === undefined && SUDO_COMMAND === undefined) {
    throw usage('This key opens no shell: it is for Basyn only.');
  }
  const isConnected = [0, 1].every((fd) => {
    const stats = fstatSync(fd);
    return stats.isFIFO() || stats.isSocket();
  });
  if (isConnected) return;
  throw usage(
    'serve talks to a Basyn on another host, and sshd starts it. Put it into ~/.ssh/authorized_keys: ' +
      'restrict,command="basyn serve --allow=/dev/vg0/backup --read-only" ssh-ed25519 …',
  );
}

function usage(sentence: string): BasynError {
  return new BasynError('usage', sentence);
}

/** For `basyn serve --help`. */
export function serveHelpLines(): string[] {
  return [...introduction, '', 'Options:', ...names.flatMap(optionHelp), '', ...example];
}

const introduction = [
  'Restricts a key of ssh to Basyn and to the devices that are named here. It is',
  'the command of the key in ~/.ssh/authorized_keys on the host with the devices.',
  '',
  'Usage: basyn serve --allow=PATH [--allow=PATH]... [--read-only]',
];

const example = [
  'In ~/.ssh/authorized_keys:',
  '  restrict,command="basyn serve --allow=/dev/vg0/backup" ssh-ed25519 AAAA... me',
];

const nameColumns = 20;
const helpColumns = 80;

function optionHelp(name: ServeOptionName): string[] {
  const placeholder = placeholderOf(name);
  const left = `  --${name}${placeholder === undefined ? '' : `=${placeholder}`}`;
  return wrap(serveOptions[name].help, helpColumns - nameColumns).map(
    (line, index) => (index === 0 ? left : '').padEnd(nameColumns) + line,
  );
}
