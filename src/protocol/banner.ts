/** The first word on every lane from the agent's side: "BASYN 1 20.11.0" and a newline. Printable, before any frame. */
export const bannerWord = 'BASYN';

/** The banner of an agent that runs on this version of node. */
export function bannerLine(nodeVersion: string): string {
  return `${bannerWord} 1 ${nodeVersion}\n`;
}

/** What the local side answers to the banner of a further lane. From then on the lane belongs to the conversation. */
export const laneConfirmation = '\n';
