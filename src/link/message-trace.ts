import { totalBytes } from '../digest/extent.ts';
import type { Message } from '../protocol/messages.ts';
import type { Trace } from '../trace.ts';

/** Is called for each message on a lane. `frameBytes` includes the frame's header. */
export type MessageTrace = (direction: 'sent' | 'received', message: Message, frameBytes: number) => void;

/** @param laneNumber the first lane is number 1. */
export function messageTrace(trace: Trace, laneNumber: number): MessageTrace {
  return (direction, message, frameBytes) => {
    const details = detailsOf(message);
    const suffix = details === '' ? '' : `: ${details}`;
    trace(`lane ${laneNumber} ${direction} ${message.type}, ${frameBytes} bytes${suffix}`);
  };
}

/** What the message is about. Paths and texts of either side are left out: other lines report them. */
function detailsOf(message: Message): string {
  switch (message.type) {
    case 'open':
      return `agent is ${message.role}, phases ${message.phases.join(' and ') || 'none'}`;
    case 'opened':
      return `${message.kind} of ${message.sizeBytes} bytes`;
    case 'begin':
      return `${message.phase} of ${message.sizeBytes} bytes, window of ${message.windowBuffers} buffers`;
    case 'cover':
      return `${message.runs.length / 2} runs of buffers${message.isLast ? ', the last ones' : ''}`;
    case 'digests':
      return `from buffer ${message.firstBuffer}, ${message.digests.byteLength} bytes of digests`;
    case 'advance':
      return `${message.doneBuffers} buffers settled`;
    case 'ask':
      return `number ${message.id}, ${totalBytes(message.extents)} device bytes in steps of ${message.stepBytes}`;
    case 'answer':
      return `number ${message.id}, ${message.digests.byteLength} bytes of digests`;
    case 'data':
      return (
        `${totalBytes(message.extents)} device bytes in ${message.extents.length} extents ` +
        `from offset ${message.extents[0]?.offsetBytes ?? 0}, ${message.payload.byteLength} bytes of ${message.encoding}`
      );
    case 'written':
      return `${message.writtenBytes} device bytes, ${message.payloadBytes} bytes of payload`;
    case 'finish':
      return `${message.dataBytes} device bytes sent, ${message.differingBytes} differing`;
    case 'finished':
      return `${message.writtenBytes} device bytes written and flushed`;
    case 'checkpoint':
      return `${message.doneBuffers} buffers settled, ${message.dataBytes} device bytes in the group`;
    case 'changes':
      return message.reason === undefined ? 'a list follows' : 'not known';
    case 'ranges':
      return `${message.extents.length} ranges, ${message.kind}`;
    case 'failure':
      return message.code;
    case 'closed':
      return `${message.warnings.length} warnings`;
    case 'since':
    case 'keep':
    case 'recorded':
    case 'ping':
    case 'trace':
    case 'pong':
    case 'bye':
    case 'flushing':
    case 'working':
    case 'durable':
      return '';
  }
}
