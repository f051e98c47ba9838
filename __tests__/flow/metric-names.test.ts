// Story: dashboard and alert rules ask only for numbers that the mirror tells.
import { expect, test } from '@jest/globals';
import { mainName, setStage } from '../support/flow.ts';
import { makeLively } from '../support/lively-mirror.ts';
import {
  findGroupings,
  findSelectors,
  isMatched,
  listAlertQueries,
  listDashboardQueries,
  type Query,
} from '../support/promql.ts';
import { pull } from '../support/raw-client.ts';

const stage = setStage();
/** Prometheus adds these to whatever it scrapes. */
const ofEverySeries = ['instance', 'job'];
/** Nothing of these happens on a machine that is well; their labels are not asked for. */
const neverHere = ['stowage_store_errors_total', 'stowage_degraded'];

type Labels = Readonly<Record<string, string>>;

/** Names that have a type, with the labels of the series of each. */
function readSeries(text: string): ReadonlyMap<string, readonly Labels[]> {
  const series = new Map<string, Labels[]>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) series.set(name + suffix, []);
  }
  for (const [, name = '', inside = ''] of text.matchAll(/^(stowage_\w+)(?:\{(.*)\})? \S+$/gm)) {
    const labels = [...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]);
    series.get(name)?.push(Object.fromEntries(labels) as Labels);
  }
  return series;
}

function findMistakes({ place, expression }: Query, series: ReadonlyMap<string, readonly Labels[]>): readonly string[] {
  const selectors = findSelectors(expression);
  const known = new Set(ofEverySeries);
  const mistakes = selectors.flatMap(({ metric, matchers }) => {
    const rows = series.get(metric);
    if (rows === undefined) return [`${place}: there is no ${metric}`];
    const labels = new Set(rows.flatMap((row) => Object.keys(row)));
    for (const label of labels) known.add(label);
    if (neverHere.includes(metric)) return [];
    if (rows.length === 0) return [`${place}: ${metric} has no series`];
    const own = matchers.filter(({ label }) => !ofEverySeries.includes(label));
    const unknown = own.filter(({ label }) => !labels.has(label)).map(({ label }) => label);
    if (unknown.length > 0) return [`${place}: ${metric} has no label ${unknown.join(', ')}`];
    return rows.some((row) => own.every((matcher) => isMatched(matcher, row)))
      ? []
      : [`${place}: no series of ${metric} is matched`];
  });
  const groupings = findGroupings(expression).filter((label) => !known.has(label));
  return [...mistakes, ...groupings.map((label) => `${place}: nothing has the label ${label}`)];
}

test('every name, label and value in the dashboard and the alert rules is in the metrics of a running mirror', async () => {
  const upstream = await stage.upstream();
  const mirror = await stage.mirror([{ upstream, name: mainName, tagTtl: '1ms' }]);
  await makeLively(mirror, upstream);
  const { body } = await pull(mirror.adminAddress, '/metrics', { keepBody: true });
  const series = readSeries(body.toString());
  const queries = [...listDashboardQueries(), ...listAlertQueries()];
  expect(queries.length).toBeGreaterThan(40);
  expect(queries.flatMap((query) => findMistakes(query, series))).toEqual([]);
});

test('a mistake would be found', () => {
  const series = readSeries('# TYPE stowage_pulls counter\nstowage_pulls{kind="blob"} 1\n');
  const ask = (expression: string): readonly string[] => findMistakes({ place: 'here', expression }, series);
  expect(ask('sum by (kind) (stowage_pulls{kind=~"b.*"})')).toEqual([]);
  expect(ask('stowage_pull')).toEqual(['here: there is no stowage_pull']);
  expect(ask('stowage_pulls{sort="blob"}')).toEqual(['here: stowage_pulls has no label sort']);
  expect(ask('stowage_pulls{kind="manifest"}')).toEqual(['here: no series of stowage_pulls is matched']);
  expect(ask('sum by (sort) (stowage_pulls)')).toEqual(['here: nothing has the label sort']);
});
