import type { Wording } from '../options/wording.ts';

/** For users of the command: options as they are typed. */
export const commandWording: Wording = {
  name: (option) => `--${option}`,
  write: (values) =>
    Object.entries(values)
      .map(([option, value]) => `--${option}=${value}`)
      .join(' '),
  turnOn: (option) => `--${option}`,
};
