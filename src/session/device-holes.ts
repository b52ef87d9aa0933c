import { findHoles, type ZeroPolicy } from '../device/device.ts';
import type { PhaseName } from '../report.ts';
import type { RunDevice } from './devices.ts';

/** A device with the map of its holes as they are now. */
export interface MappedDevice {
  readonly device: RunDevice;
  /** Sentences for `--verbose`. */
  readonly notes: readonly string[];
}

/** Whether a phase needs the map of its target: a copy only looks for ranges that need not be released. */
export function needsHolesOfTarget(phase: PhaseName, zeros: ZeroPolicy): boolean {
  return phase !== 'copy' || zeros === 'punch' || zeros === 'discard';
}

/**
 * Finds the holes of a device at the start of a phase. The map is for this phase only: the phase may fill or make holes. In
 * the phase itself, no range is read after it has been written.
 *
 * @param onFlush is called before the flush that this may take.
 */
export async function withHoles(device: RunDevice, onFlush: () => void): Promise<MappedDevice> {
  const { holes, note } = await findHoles(device.handle, onFlush);
  const notes = note === undefined ? [] : [note];
  if (holes === undefined) return { device, notes };
  const { handle, diskView, surveyView, sendView } = device;
  const mapped = {
    ...device,
    handle: { ...handle, holes },
    diskView: { ...diskView, holes },
    surveyView: { ...surveyView, holes },
    sendView: { ...sendView, holes },
  };
  return { device: mapped, notes };
}
