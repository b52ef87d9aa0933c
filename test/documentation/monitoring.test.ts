import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { families } from '../../src/cli/metrics/families.ts';
import { promtool } from '../support/promtool.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { readDocument, root, sectionOf, tableRows } from './markdown.fixture.ts';

const page = readDocument('docs/monitoring.md');
const rulesPath = 'examples/monitoring/basyn.rules.yml';
const metricNames = families.map(({ name }) => name);

describe('docs/monitoring.md', () => {
  test('describes each metric', () => {
    const described = tableRows(sectionOf(page, 'Metrics')).flatMap(([names = '']) =>
      names.match(/basyn_\w+/g),
    );
    expect(described.sort()).toEqual([...metricNames].sort());
  });

  test('shows the rules as they are', () => {
    expect(page).toContain(`<!-- ${rulesPath} -->\n\n\`\`\`yaml\n${readDocument(rulesPath)}\`\`\``);
  });
});

describe('the alert rules', () => {
  test('are accepted by promtool', () => {
    expect(promtool(['check', 'rules', join(root, rulesPath)])).toContain('SUCCESS: 4 rules found');
  });

  test('find a job that failed, one that no longer succeeds, one that never ran, and a machine that went silent', () => {
    const path = join(scratchDirectory(), 'test.yml');
    writeFileSync(path, JSON.stringify(nights));
    expect(promtool(['test', 'rules', path])).toContain('SUCCESS');
  });
});

describe('the panel', () => {
  test('asks for metrics that exist, in queries that Prometheus accepts', () => {
    const text = readDocument('examples/monitoring/grafana-dashboard.json');
    const { panels } = JSON.parse(text) as { panels: { targets: { expr: string }[] }[] };
    const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(queries).toHaveLength(6);
    for (const name of queries.flatMap((query) => query.match(/basyn_\w+/g)))
      expect(metricNames).toContain(name);
    const rules = queries.map((expr, index) => ({ record: `panel:${index}`, expr }));
    const path = join(scratchDirectory(), 'panel.yml');
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'panel', rules }] }));
    expect(promtool(['check', 'rules', path])).toContain('SUCCESS: 6 rules found');
  });
});

const sample = (metric: string, name: string, values: string, instance = 'alpha'): object => ({
  series: `basyn_job_${metric}{name="${name}",instance="${instance}"}`,
  values,
});
const alert = (
  eval_time: string,
  alertname: string,
  labels: object | undefined,
  summary: string,
): object => ({
  eval_time,
  alertname,
  exp_alerts: labels === undefined ? [] : [{ exp_labels: labels, exp_annotations: { summary } }],
});
const labelsOf = (name: string, severity: string): object => ({ name, instance: 'alpha', severity });

/** The clock begins at 0, and "good" succeeds every day. JSON is YAML. */
const nights = {
  rule_files: [join(root, rulesPath)],
  evaluation_interval: '1h',
  tests: [
    {
      interval: '1h',
      input_series: [
        sample('success', 'good', '1x100'),
        sample('last_success_timestamp_seconds', 'good', '3600x23 86400x24 172800x24 259200x30'),
        sample('success', 'stale', '1x10 0x90'),
        sample('last_success_timestamp_seconds', 'stale', '3600x100'),
        sample('success', 'never', '0x100'),
        sample('last_success_timestamp_seconds', 'never', '0x100'),
        sample('success', 'silent', '1x10 stale', 'beta'),
        sample('attempts', 'good', '1x49 4x50'),
      ],
      alert_rule_test: [
        alert('20h', 'BasynNoRecentSuccess', undefined, ''),
        alert(
          '40h',
          'BasynNoRecentSuccess',
          labelsOf('stale', 'critical'),
          'Basyn job stale on alpha has not succeeded for 1d 15h 0m 0s.',
        ),
        alert(
          '5h',
          'BasynJobFailed',
          labelsOf('never', 'warning'),
          'The last run of Basyn job never on alpha failed, or it has never run.',
        ),
        alert('10h', 'BasynMetricsMissing', undefined, ''),
        alert(
          '13h',
          'BasynMetricsMissing',
          { instance: 'beta', severity: 'critical' },
          'There are no metrics of Basyn on beta any more.',
        ),
        alert('49h', 'BasynLinkFailsOften', undefined, ''),
        alert(
          '60h',
          'BasynLinkFailsOften',
          labelsOf('good', 'info'),
          'Basyn job good on alpha needed 4 attempts.',
        ),
      ],
    },
  ],
};
