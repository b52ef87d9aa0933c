import type { Geometry } from '../digest/geometry.ts';
import type { ChangeListReport, Differences } from '../report.ts';
import { examinedBytesBefore, wholeDevice, type Coverage } from '../session/coverage.ts';
import { unionOf, RunCollector } from '../session/run-collector.ts';
import type { PhaseSelector, SelectedPhase, Selection } from '../session/selection.ts';
import type { ChangeList } from './change-list.ts';
import { sampleOutside } from './sample.ts';

export interface SelectorOptions {
  readonly list: ChangeList;
  /** How much outside the list is compared before the first write. 0: nothing. */
  readonly sampleBytes: number;
  /** What the list is, for a user who asks for details. */
  readonly note: string;
  /** Takes sentences for the user. */
  readonly report: (type: 'warning' | 'note', message: string) => void;
}

/**
 * Lets a SYNC examine what a list of changes names, and what is new on the target. Before the first write, random places
 * outside the list are compared. If one of them differs, the list is not complete, and everything is examined.
 *
 * It makes its choice once for all attempts of a run. A recheck examines everything.
 */
export function changedSelector(options: SelectorOptions): PhaseSelector {
  let choice: Selection | undefined;
  const settle = (selection: Selection): Selection => (choice = selection);
  return (phase) => {
    if (phase.phase !== 'sync') return Promise.resolve(undefined);
    return Promise.resolve(choice ?? choose(phase, options, settle));
  };
}

/** @param settle keeps the choice for further attempts. Until the sample is compared, there is none. */
function choose(
  { geometry, newFromBytes, mayHaveMoreNew }: SelectedPhase,
  { list, sampleBytes, note, report }: SelectorOptions,
  settle: (selection: Selection) => Selection,
): Selection {
  report('note', note);
  const listed = list.coverageOf(geometry);
  const listedBytes = bytesOf(listed, geometry);
  const everything = (changeList: ChangeListReport): Selection => ({
    coverage: wholeDevice(geometry),
    changeList,
  });
  if (mayHaveMoreNew) {
    report(
      'warning',
      'The link failed before the target had answered, which may have been created or extended: the list of changes is not ' +
        'used, and everything is compared.',
    );
    return settle(everything({ listedBytes, sampledBytes: 0 }));
  }
  const coverage = withNewEnd(listed, geometry, newFromBytes);
  const sample = sampleOutside(coverage, geometry, sampleBytes);
  const sampledBytes = bytesOf(sample, geometry);
  const selection = { coverage, changeList: { listedBytes, sampledBytes } };
  if (sample.bufferCount === 0) return settle(selection);
  const judge = ({ differingBytes, differingRanges }: Differences): Selection => {
    if (differingBytes === 0) return settle(selection);
    const rejectedAtBytes = differingRanges[0]!.offsetBytes;
    report(
      'warning',
      `The devices differ at offset ${rejectedAtBytes}, which the list of changes does not name: the list is not complete. ` +
        'Everything is compared.',
    );
    return settle(everything({ listedBytes, sampledBytes, rejectedAtBytes }));
  };
  return { ...selection, probe: { coverage: sample, judge } };
}

/** What was added to the target is examined, whatever the list says. */
function withNewEnd(listed: Coverage, geometry: Geometry, newFromBytes: number | undefined): Coverage {
  if (newFromBytes === undefined || newFromBytes >= geometry.sizeBytes) return listed;
  const end = new RunCollector(geometry, 1);
  end.addBytes(newFromBytes, geometry.sizeBytes - newFromBytes);
  return unionOf(geometry, [listed, end.coverage()]);
}

function bytesOf(coverage: Coverage, geometry: Geometry): number {
  return examinedBytesBefore(coverage, geometry, geometry.sizeBytes);
}
