import { expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/telemetry/create-metrics.ts';

test('gauges with labels show what is read at a scrape and nothing from before; one that fails hides no other', async () => {
  const metrics = createMetrics({ withProcess: false });
  const values = new Map([
    ['a', 1],
    ['b', 2],
  ]);
  const read = () => [...values].map(([upstream, value]) => ({ labels: { upstream }, value }));
  metrics.labelledGauge({ name: 'upstream_things', help: 'Things', labels: ['upstream'], read });
  metrics.labelledGauge({
    name: 'broken',
    help: 'Always fails',
    labels: ['upstream'],
    read() {
      throw new Error('no');
    },
  });
  expect(await metrics.render()).toContain(
    'stowage_upstream_things{upstream="a"} 1\nstowage_upstream_things{upstream="b"} 2\n',
  );
  values.delete('a');
  const text = await metrics.render();
  expect(text).toContain('\nstowage_upstream_things{upstream="b"} 2\n');
  expect(text).not.toContain('upstream="a"');
});
