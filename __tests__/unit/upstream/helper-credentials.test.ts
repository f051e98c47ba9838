import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createHelperCredentials } from '../../../src/upstream/helper-credentials.ts';
import type { HelperAnswer, RunHelper } from '../../../src/upstream/options.ts';
import { createGuarded, grantToken, tag } from './answers.ts';
import { createFixture, createManualClock, type Fixture } from './fixture.ts';

const basicOf = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

/** A helper whose secrets are `s1`, `s2`, …, unless it is told to fail or to say something else. */
function createHelper() {
  const asked: string[] = [];
  const helper = {
    asked,
    username: 'AWS',
    isBroken: false,
    secret: (count: number): string => `s${count}`,
    run: (async (name, server): Promise<HelperAnswer> => {
      asked.push(`${name} ${server}`);
      if (helper.isBroken) throw new Error('docker-credential-ecr-login ended with status 1');
      return await Promise.resolve({ username: helper.username, secret: helper.secret(asked.length) });
    }) satisfies RunHelper,
  };
  return helper;
}

describe('what a helper gives', () => {
  const setUp = (url = 'https://123.dkr.ecr.eu-west-1.amazonaws.com') => {
    const [clock, helper] = [createManualClock(), createHelper()];
    const credentials = createHelperCredentials({ helper: 'ecr-login', url: new URL(url), clock, run: helper.run });
    const read = async () => (await credentials.read()).basic;
    return { clock, helper, credentials, read };
  };

  test('is asked for once by all who need it, and kept for half an hour', async () => {
    const { clock, helper, read } = setUp();
    expect(await Promise.all([read(), read()])).toEqual([basicOf('AWS:s1'), basicOf('AWS:s1')]);
    expect(helper.asked).toEqual(['ecr-login 123.dkr.ecr.eu-west-1.amazonaws.com']);
    clock.advance(30 * 60_000 - 1);
    expect(await read()).toBe(basicOf('AWS:s1'));
    clock.advance(1);
    expect(await read()).toBe(basicOf('AWS:s2'));
  });

  test('is for Docker Hub what Docker calls it', async () => {
    const { helper, read } = setUp('https://registry-1.docker.io');
    await read();
    expect(helper.asked).toEqual(['ecr-login https://index.docker.io/v1/']);
  });

  test('is asked for again at once when it is rejected, but no more than once a minute', async () => {
    const { clock, helper, credentials, read } = setUp();
    credentials.reject?.((await credentials.read()).account);
    expect(await read()).toBe(basicOf('AWS:s2'));
    credentials.reject?.((await credentials.read()).account);
    clock.advance(59_999);
    expect(await read()).toBe(basicOf('AWS:s2'));
    clock.advance(1);
    expect(await read()).toBe(basicOf('AWS:s3'));
    expect(helper.asked).toHaveLength(3);
  });

  test('stays when it is an older one that was rejected', async () => {
    const { credentials, read } = setUp();
    const { account } = await credentials.read();
    credentials.reject?.(account);
    await read();
    credentials.reject?.(account);
    expect(await read()).toBe(basicOf('AWS:s2'));
  });

  test('is asked for a minute after it failed', async () => {
    const { clock, helper, read } = setUp();
    helper.isBroken = true;
    await expect(read()).rejects.toThrow('status 1');
    helper.isBroken = false;
    clock.advance(59_999);
    await expect(read()).rejects.toThrow('status 1');
    expect(helper.asked).toHaveLength(1);
    clock.advance(1);
    expect(await read()).toBe(basicOf('AWS:s2'));
  });
});

describe('an upstream with a helper', () => {
  let fixture: Fixture;
  let helper: ReturnType<typeof createHelper>;
  beforeEach(() => {
    helper = createHelper();
    fixture = createFixture({ runHelper: helper.run });
  });
  afterEach(async () => {
    await fixture.close();
  });
  const open = (url: string) => fixture.open({ url, login: { helper: 'test' } }, { shareCredentials: true });

  test('asks it again when a Basic login has expired, and the pull goes on with the new one', async () => {
    let good = basicOf('AWS:s1');
    const server = await fixture.serve(({ headers }) =>
      headers['authorization'] === good
        ? { status: 200, headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }, body: '{}' }
        : { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } },
    );
    const upstream = open(server.url);
    await expect(upstream.getManifest('a', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    good = basicOf('AWS:s2');
    await expect(upstream.getManifest('a', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    expect(fixture.health.degraded).toEqual([]);
    good = basicOf('nobody:x');
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-paused' });
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-paused' });
    expect(helper.asked).toHaveLength(2);
    expect(fixture.health.degraded).toEqual([
      { part: 'credentials:registry.test', reason: 'credentials of registry.test rejected' },
    ]);
  });

  test('asks it again when the token service refuses the login', async () => {
    const server = await fixture.serve(
      createGuarded({
        grant: ({ headers }) =>
          headers['authorization'] === basicOf('AWS:s2') ? grantToken('token-robot') : { status: 401 },
        isAllowed: (authorization) => authorization === 'Bearer token-robot',
      }),
    );
    await expect(open(server.url).getManifest('a', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    expect(helper.asked).toHaveLength(2);
    expect(fixture.health.degraded).toEqual([]);
  });

  test('exchanges an identity token by POST, and never sends it as a password', async () => {
    helper.username = '<token>';
    const server = await fixture.serve(
      createGuarded({
        grant: ({ method }) => (method === 'POST' ? grantToken('token-robot') : { status: 401 }),
        isAllowed: (authorization) => authorization === 'Bearer token-robot',
      }),
    );
    await expect(open(server.url).getManifest('a', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    const tokens = server.requests.filter(({ target }) => target.startsWith('/token'));
    expect(tokens.map(({ method, target, headers }) => [method, target, headers['content-type']])).toEqual([
      ['POST', '/token', 'application/x-www-form-urlencoded'],
    ]);
    expect(server.requests.some(({ headers }) => headers['authorization']?.startsWith('Basic') === true)).toBe(false);
  });

  test('goes on as anybody when it fails, and says so without what it wrote', async () => {
    helper.isBroken = true;
    const server = await fixture.serve(createGuarded({ grant: () => grantToken('token-anybody') }));
    await expect(open(server.url).getManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
    expect(fixture.health.degraded).toEqual([
      { part: 'credentials:registry.test', reason: 'the credential helper of registry.test gives no login' },
    ]);
    expect(helper.asked).toHaveLength(1);
  });
});
