import { describe, expect, test } from '@jest/globals';
import { isLoopback } from '../../../src/http/client-address.ts';
import { connectionLimit, RequestRates } from '../../../src/http/client-limits.ts';
import { createManualClock } from './manual-clock.ts';

describe('a client', () => {
  test.each([
    ['127.0.0.1', true],
    ['::1', true],
    ['::ffff:127.1.2.3', true],
    ['10.0.0.1', false],
    ['::ffff:10.127.0.1', false],
    ['::127.0.0.1', false],
  ])('of %s is on this machine: %s', (address, isHere) => {
    expect(isLoopback(address)).toBe(isHere);
  });
});

describe('the limit of connections', () => {
  test('is the configured one for everybody, and without one spares this machine', () => {
    expect(connectionLimit({ connectionsPerClient: 5 }, '127.0.0.1')).toBe(5);
    expect(connectionLimit({ connectionsPerClient: 0 }, '10.0.0.1')).toBe(Infinity);
    expect(connectionLimit({}, '127.0.0.1')).toBe(Infinity);
    expect(connectionLimit({}, '10.0.0.1')).toBe(2000);
  });
});

describe('the rate of requests', () => {
  const admitted = (rates: RequestRates, count: number, ...rest: Parameters<RequestRates['admit']>): number =>
    Array.from({ length: count }, () => rates.admit(...rest)).filter((wait) => wait === undefined).length;

  test('allows a burst, then so many a second, and says when to come again', () => {
    const clock = createManualClock();
    const rates = new RequestRates(clock);
    const limits = { requestsPerClient: 10, burstPerClient: 30 };
    expect(admitted(rates, 100, '10.0.0.1', limits)).toBe(30);
    expect(rates.admit('10.0.0.1', limits)).toBeCloseTo(100);
    expect(admitted(rates, 100, '10.0.0.2', limits)).toBe(30);
    clock.advance(1000);
    expect(admitted(rates, 100, '10.0.0.1', limits)).toBe(10);
    clock.advance(60_000);
    expect(admitted(rates, 100, '10.0.0.1', limits)).toBe(30);
  });

  test('is the same for all addresses of one IPv6 network', () => {
    const rates = new RequestRates(createManualClock());
    const limits = { requestsPerClient: 1, burstPerClient: 2 };
    expect(admitted(rates, 1, '2001:db8::1', limits)).toBe(1);
    expect(admitted(rates, 5, '2001:db8::2', limits)).toBe(1);
  });

  test('without a configured one holds for other machines, and lets through what nodes ask for', () => {
    const rates = new RequestRates(createManualClock());
    expect(admitted(rates, 20_000, '10.0.0.1', {})).toBe(10_000);
    expect(admitted(rates, 20_000, '127.0.0.1', {})).toBe(20_000);
    expect(admitted(rates, 20_000, '10.0.0.9', { requestsPerClient: 0 })).toBe(20_000);
  });

  test('remembers ten thousand clients, those that asked last', () => {
    const rates = new RequestRates(createManualClock());
    const limits = { requestsPerClient: 1, burstPerClient: 2 };
    rates.admit('first', limits);
    for (let n = 0; n < 9_999; n++) rates.admit(`client ${n}`, limits);
    rates.admit('first', limits);
    for (let n = 0; n < 9_000; n++) rates.admit(`further ${n}`, limits);
    expect(rates.size).toBe(10_000);
    expect(rates.admit('first', limits)).toBeDefined();
  });
});
