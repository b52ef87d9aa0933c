/** The first word of the banner, the line before the first frame on every lane from the agent: "BASYN 1 20.11.0". */
export const bannerWord = 'BASYN';

/** The banner of an agent that runs on this version of node, with its newline. */
export function bannerLine(nodeVersion: string): string {
  return `${bannerWord} 1 ${nodeVersion}\n`;
}

/** The local side's answer to the banner of a further lane. It makes the lane a part of the link. */
export const laneConfirmation = '\n';
