import { X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { watchCertificateEnd } from '../../../src/clients/certificate-end.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { makeCertificate } from '../../support/make-certificate.ts';
import { createManualClock } from '../http/manual-clock.ts';

const hourMs = 60 * 60_000;
const dayMs = 24 * hourMs;

async function setUp(days: number) {
  const clock = createManualClock();
  const health = createHealth();
  const lines: object[] = [];
  const log = { ...silentLog, warn: (fields: object, message: string) => void lines.push({ ...fields, message }) };
  const listeners: (() => void)[] = [];
  const served = {
    current: { cert: Buffer.from((await makeCertificate('first', { days })).cert) },
    onChange: (listener: () => void) => void listeners.push(listener),
  };
  const { validToDate } = new X509Certificate(served.current.cert);
  clock.setWall(validToDate.getTime() - days * dayMs);
  const watch = watchCertificateEnd(served, { key: 'tls.certFile', clock, log, health });
  const replace = async (newDays: number): Promise<void> => {
    served.current = { cert: Buffer.from((await makeCertificate('next', { days: newDays })).cert) };
    for (const listener of listeners) listener();
  };
  return { clock, health, lines, watch, replace, validTo: validToDate.toISOString() };
}

test.each([
  ['a year', 365, 14 * dayMs],
  ['a day', 1, 4 * hourMs],
])(
  'of a certificate for %s the end is told in time, once, and once more when it has come',
  async (_name, days, nearMs) => {
    const { clock, health, lines, validTo } = await setUp(days);
    clock.advance(days * dayMs - nearMs - hourMs);
    expect([lines, health.degraded]).toEqual([[], []]);
    clock.advance(2 * hourMs);
    const key = 'tls.certFile';
    expect(lines).toEqual([{ key, validTo, message: 'the certificate that is served ends' }]);
    expect(health.degraded).toEqual([{ part: key, reason: expect.stringContaining(`ends at ${validTo}`) }]);
    clock.advance(nearMs);
    expect(lines.slice(1)).toEqual([{ key, validTo, message: 'the certificate that is served ended' }]);
    expect(health.degraded).toEqual([{ part: key, reason: expect.stringContaining(`ended at ${validTo}`) }]);
  },
);

test('a renewed one ends the warning at once, and nothing is looked at after the end', async () => {
  const { clock, health, watch, replace } = await setUp(1);
  clock.advance(23 * hourMs);
  expect(health.degraded).toHaveLength(1);
  await replace(30);
  expect(health.degraded).toEqual([]);
  watch.close();
  expect(clock.pending).toBe(0);
});
