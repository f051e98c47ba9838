import { expect, test } from '@jest/globals';
import { createHealth } from '../../../src/telemetry/health.ts';

test('health keeps one reason for each part, until the part is well', () => {
  const health = createHealth();
  health.report('store', 'the disk is full');
  health.report('store', 'the disk is read-only');
  health.report('credentials:ghcr.io', 'rejected');
  expect(health.degraded).toEqual([
    { part: 'store', reason: 'the disk is read-only' },
    { part: 'credentials:ghcr.io', reason: 'rejected' },
  ]);
  health.report('store', undefined);
  health.report('catalog', undefined);
  expect(health.degraded).toEqual([{ part: 'credentials:ghcr.io', reason: 'rejected' }]);
});
