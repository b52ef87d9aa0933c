/** The first word on every lane from the agent's side: "BASYN 1 20.11.0" and a newline. Printable, before any frame. */
export const bannerWord = 'BASYN';

/** The banner of an agent that runs on this version of node. */
export function bannerLine(nodeVersion: string): string {
  return `${bannerWord} 1 ${nodeVersion}\n`;
}
