import { expect, test } from '@jest/globals';
import type { Config } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/problem.ts';
import { startReloads } from '../../../src/compose/reload.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { load } from '../config/support.ts';
import { createManualClock } from '../http/manual-clock.ts';

/** Reloads of what `next` gives or throws. */
function setUp(file?: string) {
  const config = load({ yaml: '' });
  const [clock, health, applied] = [createManualClock(), createHealth(), [] as Config[]];
  const stage = {
    config,
    clock,
    health,
    applied,
    next: (): Config => config,
    apply: (given: Config): void => void applied.push(given),
  };
  const reloads = startReloads({
    config,
    source: { file, load: () => stage.next() },
    clock,
    log: silentLog,
    health,
    apply: (given) => stage.apply(given),
  });
  return { ...stage, stage, reloads };
}

const reasonsOf = (health: ReturnType<typeof createHealth>) => health.degraded.map(({ reason }) => reason);

test('a good configuration is applied, and is then the one in force', () => {
  const { stage, clock, reloads, applied, config } = setUp();
  expect(reloads.state).toEqual({ file: null, loadedAt: '1970-01-01T00:00:00.000Z', problems: [] });
  stage.next = () => ({ ...config, catalog: true });
  clock.advance(1_000);
  reloads.reload();
  expect(reloads.config).toEqual({ ...config, catalog: true });
  expect(applied).toEqual([reloads.config]);
  expect(reloads.state).toEqual({ file: null, loadedAt: '1970-01-01T00:00:01.000Z', problems: [] });
});

test('a bad one changes nothing, and all that is wrong is told until a good one comes', () => {
  const { stage, clock, reloads, applied, config, health } = setUp();
  stage.next = () => {
    throw new ConfigError([
      { path: 'listen', expected: 'an address' },
      { path: 'cache.maxSize', expected: 'a size', found: 'big' },
    ]);
  };
  clock.advance(1_000);
  reloads.reload();
  const problems = ['listen: expected an address', 'cache.maxSize: expected a size, found big'];
  expect(reloads.state).toEqual({ file: null, loadedAt: '1970-01-01T00:00:00.000Z', problems });
  expect(reasonsOf(health)).toEqual([`the configuration could not be loaded: ${problems.join('; ')}`]);
  expect([reloads.config, applied]).toEqual([config, []]);
  stage.next = () => config;
  reloads.reload();
  expect([reloads.state.problems, reasonsOf(health)]).toEqual([[], []]);
});

test('one that cannot be applied changes nothing', () => {
  const { stage, reloads, config, health } = setUp();
  stage.next = () => ({ ...config, catalog: true });
  stage.apply = () => {
    throw new Error('tls.caFile of a.io: expected certificates (PEM)');
  };
  reloads.reload();
  expect(reloads.config).toBe(config);
  expect(reasonsOf(health).join()).toContain('could not be loaded: tls.caFile of a.io');
});

test('what takes a restart is told for as long as it waits', () => {
  const { stage, reloads, config, health } = setUp();
  stage.next = () => ({ ...config, instance: 'b' });
  for (let time = 0; time < 2; time += 1) {
    reloads.reload();
    expect(reloads.state.problems).toEqual(['instance takes effect after a restart']);
    expect(reasonsOf(health)).toEqual(['instance takes effect after a restart']);
  }
  stage.next = () => config;
  reloads.reload();
  expect([reloads.state.problems, reasonsOf(health)]).toEqual([[], []]);
});

test('nothing is reloaded any more once the service ends', () => {
  const { reloads, applied } = setUp();
  reloads.close();
  reloads.reload();
  expect(applied).toEqual([]);
});
