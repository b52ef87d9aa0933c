import { expect, it } from 'vitest';
import { statLines } from '../../src/cli/stat.ts';
import { copyPhase, GiB, recheckPhase, report, source } from './output.fixture.ts';

it('has the rows of the specification, in its order and units', () => {
  expect(statLines(report)).toEqual([
    'Device size: 4294967296 bytes (4.0 GiB)',
    'Traffic:     Rx:        1000 bytes',
    '             Tx:        20000 bytes (19.5 KiB)',
    '             Both:      21000 bytes (20.5 KiB)',
    'Ratio:       0.0005 %',
    'Time:        8.000 seconds',
    'Bandwidth:   Real:      2625 bytes/s (2.6 KiB/s)',
    '             Effective: 536870912 bytes/s (512.0 MiB/s)',
    'Changes:     Differing: 12288 bytes (12.0 KiB)',
    '             Written:   12288 bytes (12.0 KiB)',
  ]);
});

it('takes size from the source, and time and traffic from the whole run', () => {
  const lines = statLines({
    ...report,
    source: { ...source, sizeBytes: 2 * GiB },
    phases: [copyPhase, { ...recheckPhase, differingBytes: 7 }],
    traffic: { receivedBytes: 0, transmittedBytes: 3 * GiB },
    elapsedMs: 20_500,
  });
  expect(lines).toContain('Device size: 2147483648 bytes (2.0 GiB)');
  expect(lines).toContain('Ratio:       150.0000 %');
  expect(lines).toContain('Time:        20.500 seconds');
  expect(lines).toContain('             Written:   4294967296 bytes (4.0 GiB)');
  expect(lines.at(-1)).toBe('Recheck:     Differing: 7 bytes');
});

it('never divides by zero, for an empty device or a duration of zero', () => {
  const lines = statLines({ ...report, source: { ...source, sizeBytes: 0 }, phases: [], elapsedMs: 0 });
  expect(lines).toContain('Ratio:       n/a');
  expect(lines.join('\n')).not.toMatch(/NaN|Infinity/);
});

it('has rows about the attempts if the link has failed', () => {
  const interruption = { reason: 'The link broke.', elapsedMs: 5000, waitMs: 1500, lostBytes: 1024 };
  expect(statLines({ ...report, interruptions: [interruption, interruption] }).slice(-3)).toEqual([
    'Attempts:    Number:    3',
    '             Waits:     3.000 seconds',
    '             Lost:      2048 bytes (2.0 KiB)',
  ]);
});
