import { BasynError } from '../errors.ts';
import type { ExitCode } from './environment.ts';
import type { LineWriter } from './output.ts';

/** Writes the page of a run that has ended. The run counts as failed where that is not possible. */
export function withPage(
  page: { readonly write: () => void },
  exitCode: ExitCode,
  output: LineWriter,
): ExitCode {
  try {
    page.write();
    return exitCode;
  } catch (thrown) {
    output.notice(`basyn: ${BasynError.from(thrown).message}`);
    return 2;
  }
}
