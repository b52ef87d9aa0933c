import { BasynError, recheck, sync, type RunEvent, type SyncOptions } from 'basyn';

// Ctrl-C ends the run and its child processes.
const interruption = new AbortController();
process.once('SIGINT', () => interruption.abort());

const options: SyncOptions = {
  local: '/dev/vg0/mail-snap',
  remote: '/dev/vg1/mail',
  host: 'backup.example.org',
  action: 'push',
  mode: 'sync',
  chunkBytes: 64 * 1024,
  signal: interruption.signal,
  onEvent: report,
};

function report(event: RunEvent): void {
  if (event.type === 'warning') console.warn(event.message);
  if (event.type === 'progress')
    console.log(`${event.phase}: ${event.doneBytes} of ${event.sizeBytes} bytes`);
}

try {
  const { phases, traffic, elapsedMs } = await sync(options);
  for (const { phase, writtenBytes } of phases) console.log(`${phase}: ${writtenBytes} bytes written`);
  console.log(`${traffic.transmittedBytes} bytes sent in ${Math.round(elapsedMs)} ms`);

  // Compare both devices at any later time. This writes nothing.
  const { matches } = await recheck(options);
  if (!matches) process.exitCode = 2;
} catch (error) {
  if (!(error instanceof BasynError)) throw error;
  // A message for the user. Facts for the program: kind, place, and the option that helps.
  const { code, side, offsetBytes, remedy } = error;
  console.error(error.message, { code, side, offsetBytes, remedy });
  process.exitCode = 2;
}
