import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createGuarded, grantToken, tag } from './answers.ts';
import { createFixture, type Fixture, type Reply } from './fixture.ts';

describe('a change of an upstream is told', () => {
  let fixture: Fixture;
  const change = { type: 'upstream-changed', upstream: 'registry.test' };
  beforeEach(() => {
    fixture = createFixture();
  });
  afterEach(async () => {
    await fixture.close();
  });

  test('when it stops answering, and when it answers again', async () => {
    const script: { reply: Reply } = { reply: { status: 500 } };
    const server = await fixture.serve(() => script.reply);
    const upstream = fixture.open(server.url);
    for (let n = 0; n < 10; n += 1) await expect(upstream.headManifest('a', tag)).rejects.toBeDefined();
    expect(fixture.happenings).toEqual([change]);
    script.reply = { status: 401 };
    fixture.clock.advance(2_000);
    await server.until(() => upstream.status().urls[0]?.breakers[0]?.state === 'closed');
    expect(fixture.happenings).toEqual([change, change]);
  });

  test('once for each pause that begins', async () => {
    const server = await fixture.serve(() => ({ status: 429, headers: { 'retry-after': '20' } }));
    const upstream = fixture.open(server.url);
    for (let n = 0; n < 5; n += 1) await expect(upstream.headManifest('a', tag)).rejects.toBeDefined();
    expect(fixture.happenings).toEqual([change]);
    expect(upstream.status().urls).toMatchObject([{ url: server.url, pauses: [{ class: 'manifests' }] }]);
  });

  test('when its login is rejected, and when it is taken again', async () => {
    let isRight = false;
    const server = await fixture.serve(
      createGuarded({
        grant: ({ headers }) =>
          headers['authorization'] !== undefined && !isRight ? { status: 401 } : grantToken('token-robot'),
      }),
    );
    const login = { username: 'robot', password: { password: 'planted-password' } };
    const upstream = fixture.open({ url: server.url, login }, { shareCredentials: true });
    await upstream.getManifest('a', tag);
    expect(fixture.happenings).toEqual([change]);
    expect(upstream.status().urls).toMatchObject([{ isLoginRejected: true }]);
    isRight = true;
    fixture.clock.advance(10 * 60_000);
    await upstream.getManifest('b', tag);
    expect(fixture.happenings).toEqual([change, change]);
    expect(upstream.status().urls).toMatchObject([{ isLoginRejected: false }]);
  });
});
