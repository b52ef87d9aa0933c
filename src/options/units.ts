/** What the number of an option counts where it is written as text. The library takes bytes and milliseconds. */
export const bytesPerKilobyte = 1024;
export const msPerSecond = 1000;

/** What the suffix of a size multiplies it by. */
export const sizeSuffixes = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;
