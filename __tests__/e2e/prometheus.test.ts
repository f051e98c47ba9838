import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { makeLively } from '../support/lively-mirror.ts';
import { startMirrorProcess, type MirrorProcess } from '../support/mirror-process.ts';
import { listAlertRules, listDashboardQueries, rulesFile } from '../support/promql.ts';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';
import { describeWith } from './support/describe-with.ts';
import { startPrometheus, type Prometheus } from './support/prometheus.ts';
import { alertTests } from './support/alert-tests.ts';
import { run } from './support/tools.ts';

describeWith({ programs: ['prometheus', 'promtool'] }, 'a real Prometheus', () => {
  const ends: (() => Promise<unknown>)[] = [];
  let directory: string;
  let upstream: ScriptedUpstream;
  let mirror: MirrorProcess;
  let prometheus: Prometheus;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stowage-'));
    ends.push(() => rm(directory, { recursive: true, force: true }));
    upstream = await startScriptedUpstream();
    ends.push(() => upstream.close());
    const entry = { name: 'registry.test', url: upstream.url, default: true, tagTtl: '1ms' };
    mirror = await startMirrorProcess({ upstreams: [entry] });
    ends.push(() => mirror.close());
    prometheus = await startPrometheus(directory, new URL(mirror.adminAddress).host, rulesFile);
    ends.push(() => prometheus.stop());
  }, 60_000);
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test('draws something in every panel of the dashboard', async () => {
    await pollUntil(async () => (await prometheus.query('stowage_info')).length === 1, { what: 'a first scrape' });
    await makeLively(mirror, upstream);
    const findEmpty = async (): Promise<readonly string[]> => {
      const empty: string[] = [];
      for (const { place, expression } of listDashboardQueries()) {
        if ((await prometheus.query(expression)).length === 0) empty.push(`${place}: ${expression}`);
      }
      return empty;
    };
    let empty = await findEmpty();
    await pollUntil(async () => (empty = await findEmpty()).length === 0).catch(() => undefined);
    expect(empty).toEqual([]);
  }, 60_000);

  test('can evaluate every alert rule, and names only what is wrong here', async () => {
    const isEvaluated = async (): Promise<boolean> =>
      (await prometheus.rules()).every(({ health }) => health !== 'unknown');
    await pollUntil(isEvaluated, { what: 'a first evaluation' });
    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    // What the dashboard needs may have been scraped after the last evaluation.
    let firing: readonly string[] = [];
    const findFiring = async (): Promise<readonly string[]> =>
      (await prometheus.rules()).filter(({ state }) => state === 'firing').map(({ name }) => name);
    await pollUntil(async () => (firing = await findFiring()).length >= 2).catch(() => undefined);
    expect(firing.toSorted()).toEqual(['StowageContentDamaged', 'StowageDigestMismatch']);
  });

  test('raises each alert when it should, and not before', async () => {
    const file = join(directory, 'alert-tests.yaml');
    await writeFile(file, stringify({ rule_files: [rulesFile], evaluation_interval: '1m', tests: alertTests }));
    expect(await run('promtool', ['test', 'rules', file])).toContain('SUCCESS');
    expect(alertTests.map(({ name }) => name).toSorted()).toEqual(
      listAlertRules()
        .map(({ alert }) => alert)
        .toSorted(),
    );
  });
});
