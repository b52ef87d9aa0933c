import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expositionText, isOurs, readExposition, type JobMetrics } from '../../src/cli/metrics/exposition.ts';
import { measuresOf } from '../../src/cli/metrics/measure.ts';
import { families, type JobMeasures } from '../../src/cli/metrics/families.ts';
import type { Task } from '../../src/options/task.ts';
import { GiB, recheckPhase, report, syncPhase } from './output.fixture.ts';

const ended = { status: 'succeeded', attempts: 2, startedMs: 1_000_000, elapsedMs: 2500.4 } as const;
const local: Task = {
  kind: 'sync',
  options: { local: '/a', remote: '/b', action: 'push', mode: 'sync' },
};
const remote: Task = { kind: 'sync', options: { ...local.options, host: 'backup' } };

describe('the text of metrics', () => {
  const measures = measuresOf({ ...ended, report }, remote, 0);
  const job: JobMetrics = { file: '/etc/basyn/night.toml', name: 'mail', kind: 'transfer', measures };

  test('has each metric with its help and type, in base units', () => {
    const lines = expositionText([job]).split('\n');
    const labels = '{file="/etc/basyn/night.toml",name="mail",kind="transfer"}';
    expect(lines.slice(1, 4)).toEqual([
      '# HELP basyn_job_success Whether the last run of the job succeeded: 1 or 0.',
      '# TYPE basyn_job_success gauge',
      `basyn_job_success${labels} 1`,
    ]);
    expect(lines).toEqual(
      expect.arrayContaining([
        `basyn_job_last_success_timestamp_seconds${labels} 1002.5`,
        `basyn_job_duration_seconds${labels} 2.5`,
        `basyn_job_attempts${labels} 2`,
        `basyn_job_differing_bytes${labels} 12288`,
        `basyn_job_written_bytes${labels} 12288`,
        `basyn_job_read_bytes{file="/etc/basyn/night.toml",name="mail",kind="transfer",device="source"} ${4 * GiB}`,
        `basyn_job_sent_bytes${labels} 20000`,
        `basyn_job_received_bytes${labels} 1000`,
      ]),
    );
    for (const { name } of families)
      expect(lines.filter((line) => line.includes(`TYPE ${name} `))).toHaveLength(1);
  });

  test('is read again as it was written, whatever the names are', () => {
    const names = fc.string({ unit: fc.constantFrom('\\', '"', '\n', 'n', '{', '}', ',', '=', ' ', 'ü') });
    fc.assert(
      fc.property(fc.uniqueArray(names, { maxLength: 5 }), names, (jobs, file) => {
        const metrics = jobs.map((name) => ({ ...job, file, name }));
        expect(readExposition(expositionText(metrics))).toEqual(metrics);
      }),
    );
  });

  test('is told from one that something else has written', () => {
    expect(isOurs(expositionText([]))).toBe(true);
    expect(isOurs('# HELP node_md_disks Disks.\n')).toBe(false);
  });
});

describe('the measures of a run', () => {
  test('keep the time of an earlier success after a failure, and leave out what is unknown', () => {
    expect(measuresOf({ ...ended, status: 'failed' }, remote, 77)).toEqual({
      success: 0,
      lastSuccessMs: 77,
      lastRunMs: 1_002_500,
      durationMs: 2500,
      attempts: 2,
    } satisfies JobMeasures);
  });

  test('count what each phase has read, without holes, and no traffic on one machine', () => {
    const phases = [{ ...syncPhase, sourceHoleBytes: GiB, examinedBytes: 2 * GiB }, recheckPhase];
    const measures = measuresOf({ ...ended, report: { ...report, phases } }, local, 0);
    expect(measures).toMatchObject({ sourceReadBytes: 5 * GiB, targetReadBytes: 6 * GiB });
    expect(measures).not.toHaveProperty('sentBytes');
    const counted = [{ ...syncPhase, sourceReadBytes: 5, targetReadBytes: 0 }];
    expect(measuresOf({ ...ended, report: { ...report, phases: counted } }, local, 0)).toMatchObject({
      sourceReadBytes: 5,
      targetReadBytes: 0,
    });
  });
});
