import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { createGate } from '../../../src/clients/gate.ts';
import type { LoginVerdict, Logins } from '../../../src/clients/logins.ts';
import { MirrorError } from '../../../src/oci/errors.ts';

function requestFrom(remoteAddress: string, headers: Record<string, string> = {}): IncomingMessage {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that the gate looks at
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

const networks = { allow: ['192.0.2.0/24'], trustedProxies: ['10.0.0.1'] };
const open: typeof networks = { allow: ['everybody'], trustedProxies: [] };

describe('networks', () => {
  const gate = createGate({ clients: () => networks, logins: undefined });

  test('decide over connections; those of proxies stay', () => {
    expect(gate.admitsPeer('192.0.2.1')).toBe(true);
    expect(gate.admitsPeer('::ffff:192.0.2.1')).toBe(true);
    expect(gate.admitsPeer('10.0.0.1')).toBe(true);
    expect(gate.admitsPeer('10.0.0.2')).toBe(false);
    expect(gate.admitsPeer(undefined)).toBe(false);
  });

  test.each<[string, IncomingMessage, boolean, string]>([
    ['a client', requestFrom('192.0.2.1'), true, '192.0.2.1'],
    [
      'a client that claims to be another',
      requestFrom('192.0.2.1', { 'x-forwarded-for': '127.0.0.1' }),
      true,
      '192.0.2.1',
    ],
    ['another one', requestFrom('198.51.100.1', { 'x-forwarded-for': '192.0.2.1' }), false, '198.51.100.1'],
    ['a client behind the proxy', requestFrom('10.0.0.1', { 'x-forwarded-for': '192.0.2.7' }), true, '192.0.2.7'],
    ['another one behind it', requestFrom('10.0.0.1', { 'x-forwarded-for': '192.0.2.7, 8.8.8.8' }), false, '8.8.8.8'],
    ['an unknown one behind it', requestFrom('10.0.0.1', { forwarded: 'for=unknown' }), false, '10.0.0.1'],
    ['the proxy for itself', requestFrom('10.0.0.1'), false, '10.0.0.1'],
  ])('decide over requests: %s', (_name, request, isAllowed, client) => {
    const refusal = gate.refuse(request);
    expect(refusal === undefined).toBe(isAllowed);
    if (refusal !== undefined) expect(refusal).toMatchObject({ kind: 'client-denied' });
    expect(gate.describe(request)).toEqual({ client });
  });

  test('may change while a connection lasts', () => {
    let clients = open;
    const changing = createGate({ clients: () => clients, logins: undefined });
    const request = requestFrom('198.51.100.1');
    expect(changing.refuse(request)).toBeUndefined();
    clients = networks;
    expect(changing.refuse(request)).toMatchObject({ kind: 'client-denied' });
  });
});

describe('logins', () => {
  function setUp(verdict: LoginVerdict | Promise<LoginVerdict>) {
    const asked: string[] = [];
    const logins: Logins = {
      check(_authorization, address) {
        asked.push(address);
        return verdict;
      },
    };
    return { asked, gate: createGate({ clients: () => ({ ...open, trustedProxies: ['10.0.0.1'] }), logins }) };
  }
  const needed = new MirrorError({ kind: 'login-required', message: 'a login is needed' });

  test('that are known let in at once, and the log has the user', () => {
    const { gate } = setUp({ user: 'alice' });
    const request = requestFrom('192.0.2.1');
    expect(gate.refuse(request)).toBeUndefined();
    expect(gate.describe(request)).toEqual({ client: '192.0.2.1', user: 'alice' });
  });

  test('that are not known yet take their time', async () => {
    const { gate } = setUp(Promise.resolve({ user: 'alice' }));
    const request = requestFrom('192.0.2.1');
    expect(await gate.refuse(request)).toBeUndefined();
    expect(gate.describe(request)).toHaveProperty('user', 'alice');
  });

  test('that are wrong keep out, and the log has no user', async () => {
    const { gate } = setUp(Promise.resolve(needed));
    const request = requestFrom('192.0.2.1');
    expect(await gate.refuse(request)).toBe(needed);
    expect(gate.describe(request)).toEqual({ client: '192.0.2.1' });
  });

  test('are counted by the client behind the proxy', () => {
    const { asked, gate } = setUp(needed);
    void gate.refuse(requestFrom('10.0.0.1', { 'x-forwarded-for': '1.2.3.4, 192.0.2.7' }));
    void gate.refuse(requestFrom('10.0.0.1', { 'x-forwarded-for': 'unknown' }));
    expect(asked).toEqual(['192.0.2.7', '10.0.0.1']);
  });
});
