/** An option of `basyn serve`, for its parser and its documentation. */
export interface ServeOption {
  /** What stands for the value. A flag has none. */
  readonly placeholder?: string;
  readonly repeatable?: true;
  /** Sentences for `--help` and the man page. */
  readonly help: string;
}

/** The options of `basyn serve`. It is started by sshd, so it has no others. */
export const serveOptions = {
  allow: {
    placeholder: 'PATH',
    repeatable: true,
    help:
      'A device or file that the key may use, or a directory whose files it may use. An absolute path. ' +
      'May be given more than once. Mandatory.',
  },
  'read-only': {
    help: 'The key may only read. Without it, it may read and write.',
  },
} as const satisfies Record<string, ServeOption>;

export type ServeOptionName = keyof typeof serveOptions;
