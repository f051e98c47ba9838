import { describe, expect, test } from '@jest/globals';
import { createAudit } from '../../../src/telemetry/audit.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { createManualClock } from '../http/manual-clock.ts';

function setUp() {
  const clock = createManualClock();
  const lines: object[] = [];
  const counted: string[] = [];
  const log = { ...silentLog, warn: (fields: object, message: string) => void lines.push({ ...fields, message }) };
  const audit = createAudit({ clock, log, meter: { refused: (reason) => void counted.push(reason) } });
  return { clock, lines, counted, audit };
}

describe('the audit', () => {
  test('has a line for a refused request, with what was asked for and what refused it', () => {
    const { audit, lines, counted } = setUp();
    const facts = { upstream: 'docker.io', repository: 'org/secret', reference: 'v1', rule: 'org/secret*' };
    audit.refused({ reason: 'rule', client: '10.0.0.1', ...facts });
    expect(lines).toEqual([{ message: 'audit', reason: 'rule', client: '10.0.0.1', ...facts }]);
    expect(counted).toEqual(['rule']);
  });

  test('counts every refusal, but writes ten lines a minute and client, and how many more there were', () => {
    const { audit, lines, counted, clock } = setUp();
    for (let n = 0; n < 1000; n++) audit.refused({ reason: 'limit', client: '10.0.0.1' });
    audit.refused({ reason: 'rule', client: '10.0.0.1' });
    audit.refused({ reason: 'rule', client: '10.0.0.2' });
    expect(lines).toHaveLength(11);
    expect(counted).toHaveLength(1002);
    clock.advance(60_000);
    expect(lines.slice(11)).toEqual([
      { message: 'audit', client: '10.0.0.1', more: 991, reasons: { limit: 990, rule: 1 } },
    ]);
    audit.refused({ reason: 'limit', client: '10.0.0.1' });
    expect(lines).toHaveLength(13);
  });

  test('keeps a thousand clients apart, whatever addresses come', () => {
    const { audit, lines, clock } = setUp();
    for (let n = 0; n < 5000; n++) audit.refused({ reason: 'login', client: `client ${n}` });
    expect(lines).toHaveLength(1010);
    clock.advance(60_000);
    expect(lines.slice(1010)).toEqual([{ message: 'audit', client: 'others', more: 3990, reasons: { login: 3990 } }]);
  });

  test('says at its end what it has not said yet, and holds no timer', () => {
    const { audit, lines, clock } = setUp();
    for (let n = 0; n < 12; n++) audit.refused({ reason: 'network', client: '10.0.0.1' });
    audit.close();
    expect(lines[10]).toMatchObject({ more: 2 });
    expect(clock.pending).toBe(0);
  });
});
