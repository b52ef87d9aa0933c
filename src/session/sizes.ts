import { BasynError } from '../errors.ts';
import { isWriting, type Order } from './order.ts';

/** The sizes of both devices. In a recheck without an action, the local device is called the source. */
export interface DeviceSizes {
  readonly sourceBytes: number;
  readonly targetBytes: number;
}

/**
 * The number of bytes that a run covers: the source's, or in a recheck those that both devices have.
 *
 * @throws {BasynError} `refused`, where the target of a transfer is too small; `device`, where there is nothing to compare.
 */
export function coveredBytes(order: Order, { sourceBytes, targetBytes }: DeviceSizes): number {
  if (isWriting(order)) {
    if (targetBytes >= sourceBytes) return sourceBytes;
    throw new BasynError(
      'refused',
      `The target has ${targetBytes} bytes and the source ${sourceBytes}: the target is too small.`,
    );
  }
  if (sourceBytes === 0 && (targetBytes === 0 || order.sizes === 'target at least source')) {
    const which = targetBytes === 0 ? 'both devices are empty' : 'the source is empty';
    throw new BasynError('device', `There is nothing to compare: ${which}.`);
  }
  return Math.min(sourceBytes, targetBytes);
}

/** Whether the sizes alone allow the devices to match. */
export function doSizesMatch(
  { sizes }: Pick<Order, 'sizes'>,
  { sourceBytes, targetBytes }: DeviceSizes,
): boolean {
  return sizes === 'equal' ? sourceBytes === targetBytes : targetBytes >= sourceBytes;
}
