import { beforeEach, describe, expect, test } from '@jest/globals';
import { Waiters } from '../../../../src/mirror/fill/waiters.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';

let clock: ManualClock;
let waiters: Waiters;
let woken: number[];

beforeEach(() => {
  clock = createManualClock();
  waiters = new Waiters(clock);
  woken = [];
});

function wait(count: number): void {
  for (let waiter = 0; waiter < count; waiter++) void waiters.wait().then(() => woken.push(waiter));
}

async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('those who wait', () => {
  test('are all woken, once, in the order in which they came', async () => {
    wait(3);
    await settle();
    expect(woken).toEqual([]);
    waiters.wakeAll();
    waiters.wakeAll();
    await settle();
    expect(woken).toEqual([0, 1, 2]);
  });

  test('again after a waking wait for the next one', async () => {
    void waiters
      .wait()
      .then(async () => await waiters.wait())
      .then(() => woken.push(1));
    waiters.wakeAll();
    await settle();
    expect(woken).toEqual([]);
    waiters.wakeAll();
    await settle();
    expect(woken).toEqual([1]);
  });

  test('when few are woken at once', async () => {
    wait(32);
    waiters.wakeSoon();
    await settle();
    expect(woken).toHaveLength(32);
    expect(clock.pending).toBe(0);
  });

  test('when many are woken together, 20 ms later, however often something happened', async () => {
    wait(33);
    for (let chunk = 0; chunk < 10; chunk++) {
      waiters.wakeSoon();
      clock.advance(1);
    }
    await settle();
    expect(woken).toEqual([]);
    expect(clock.pending).toBe(1);
    clock.advance(10);
    await settle();
    expect(woken).toHaveLength(33);
    expect(clock.pending).toBe(0);
  });

  test('do not wait for the 20 ms when something is urgent', async () => {
    wait(33);
    waiters.wakeSoon();
    waiters.wakeAll();
    await settle();
    expect(woken).toHaveLength(33);
    expect(clock.pending).toBe(0);
  });

  test('are woken at once where there is no clock', async () => {
    const clockless = new Waiters();
    const all = Promise.all(Array.from({ length: 100 }, async () => await clockless.wait()));
    clockless.wakeSoon();
    expect(await all).toHaveLength(100);
  });

  test('stop waiting when they are told to, and leave the others waiting', async () => {
    const leaving = new AbortController();
    void waiters.wait(leaving.signal).then(() => woken.push(100));
    wait(1);
    leaving.abort();
    await settle();
    expect(woken).toEqual([100]);
    waiters.wakeAll();
    await settle();
    expect(woken).toEqual([100, 0]);
  });

  test('do not begin when they have been told to stop already', async () => {
    await expect(waiters.wait(AbortSignal.abort())).resolves.toBeUndefined();
  });

  test('leave nothing with the signal once they are woken', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = Object.assign(signal, {
      addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => {
        listeners++;
        EventTarget.prototype.addEventListener.apply(signal, args);
      },
      removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => {
        listeners--;
        EventTarget.prototype.removeEventListener.apply(signal, args);
      },
    });
    const waiting = waiters.wait(counted);
    expect(listeners).toBe(1);
    waiters.wakeAll();
    await waiting;
    expect(listeners).toBe(0);
  });
});
