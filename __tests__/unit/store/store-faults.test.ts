import { beforeEach, expect, test } from '@jest/globals';
import { createStoreFaults, type StoreFaults } from '../../../src/store/store-faults.ts';
import { createHealth, type Health } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';
import { createGate } from '../../support/gate.ts';
import { nextTurn } from './fixtures.ts';

const full = new Error('no space left on device');
const probeEveryMs = 5000;

let clock: ManualClock;
let health: Health;
let counted: string[];
let logged: unknown[];
let probes: number;
let probe: () => Promise<void>;
let faults: StoreFaults;

beforeEach(() => {
  clock = createManualClock();
  health = createHealth();
  counted = [];
  logged = [];
  probes = 0;
  probe = () => Promise.resolve();
  const log = {
    ...silentLog,
    error: (_facts: object, message: string) => void logged.push(message),
    info: (facts: object, message: string) => void logged.push({ message, ...facts }),
  };
  faults = createStoreFaults({
    clock,
    log,
    health,
    meter: { ...silentMeter, storeError: (operation) => void counted.push(operation) },
    probe: async () => {
      probes += 1;
      await probe();
    },
  });
});

async function passProbe(): Promise<void> {
  clock.advance(probeEveryMs);
  await nextTurn();
}

test('each failure is counted, the first of a row is logged, and health says the last', () => {
  faults.report('write', full);
  faults.report('commit', new Error('input/output error'));
  faults.report('write', 'no error at all');
  expect(counted).toEqual(['write', 'commit', 'write']);
  expect(logged).toEqual(['the store failed; pulls go on without it']);
  expect(health.degraded).toEqual([{ part: 'store', reason: 'the last write failed: unknown error' }]);
  faults.report('commit', full);
  expect(health.degraded).toEqual([{ part: 'store', reason: 'the last commit failed: no space left on device' }]);
  // One probe for all of them.
  expect(clock.pending).toBe(1);
});

test('it is well again when a probe says so, and the next failure is the first of a row', async () => {
  faults.report('write', full);
  faults.report('write', full);
  faults.report('write', full);
  clock.advance(probeEveryMs - 1);
  expect(probes).toBe(0);
  clock.advance(1);
  await nextTurn();
  expect(probes).toBe(1);
  expect(health.degraded).toEqual([]);
  expect(logged.slice(1)).toEqual([{ message: 'the store is well again', furtherFailures: 2 }]);
  expect(clock.pending).toBe(0);
  faults.report('write', full);
  expect(logged).toHaveLength(3);
  expect(health.degraded).toHaveLength(1);
  await passProbe();
  expect(logged.slice(3)).toEqual([{ message: 'the store is well again', furtherFailures: 0 }]);
});

test('a probe that fails is made again, as long as it takes', async () => {
  probe = () => Promise.reject(full);
  faults.report('write', full);
  for (let round = 1; round <= 3; round += 1) {
    await passProbe();
    expect(probes).toBe(round);
    expect(health.degraded).toHaveLength(1);
    expect(clock.pending).toBe(1);
  }
  // Its failures are nobody's pull.
  expect(counted).toEqual(['write']);
  expect(logged).toHaveLength(1);
  probe = () => Promise.resolve();
  await passProbe();
  expect(health.degraded).toEqual([]);
});

test('failures beside a probe do not start another', async () => {
  const gate = createGate();
  probe = () => gate.pass();
  faults.report('write', full);
  await passProbe();
  faults.report('write', full);
  expect(clock.pending).toBe(0);
  gate.open();
  await nextTurn();
  expect(probes).toBe(1);
});

test('closing waits for a probe under way and starts no other', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  probe = () => promise;
  faults.report('write', full);
  await passProbe();
  let isClosed = false;
  const closed = faults.close().then(() => (isClosed = true));
  await nextTurn();
  expect(isClosed).toBe(false);
  reject(full);
  await closed;
  expect(clock.pending).toBe(0);
});

test('closing stops a probe that waits, and what is reported afterwards is only counted', async () => {
  faults.report('write', full);
  await faults.close();
  expect(clock.pending).toBe(0);
  await passProbe();
  expect(probes).toBe(0);
  faults.report('close', full);
  expect(counted).toEqual(['write', 'close']);
  expect(clock.pending).toBe(0);
});
