// Which answers say that there is nothing, so surely that it may be remembered for a moment.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { blamesScope } from '../../../src/upstream/challenge.ts';
import type { Upstream } from '../../../src/upstream/upstream.ts';
import { blobDigest, createGuarded, tag } from './answers.ts';
import { createFixture, type Fixture, type Reply } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

/** How a pull of an unknown tag fails. */
async function failureOf(upstream: Upstream): Promise<object> {
  return await upstream.headManifest('a/b', tag).then(
    () => ({}),
    ({ kind, isFinal, isAbsence }: { kind?: string; isFinal?: boolean; isAbsence?: boolean }) => ({
      kind,
      isFinal,
      isAbsence,
    }),
  );
}

const sure = { kind: 'manifest-unknown', isFinal: true, isAbsence: true };
const unsure = { ...sure, isAbsence: false };

describe('to an anonymous request for a manifest', () => {
  test.each([404, 410])('%i is absence', async (status) => {
    const { url } = await fixture.serve(() => ({ status }));
    expect(await failureOf(fixture.open(url))).toEqual(sure);
  });

  test.each<[string, Reply]>([
    ['403', { status: 403 }],
    ['401 without a challenge', { status: 401 }],
    ['401 that wants Basic', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }],
  ])('%s is a denial, which may end in a moment', async (_name, reply) => {
    const { url } = await fixture.serve(() => reply);
    expect(await failureOf(fixture.open(url))).toEqual(unsure);
  });

  const offer =
    (error: string) =>
    ({ headers }: { headers: Readonly<Record<string, string>> }) =>
      `Bearer realm="http://${headers['host'] ?? ''}/token",service="registry.test",scope="repository:a/b:pull"${error}`;

  test('a fresh token that does not reach so far is absence, as on Docker Hub', async () => {
    const guarded = createGuarded({ isAllowed: () => false, challenge: offer(',error="insufficient_scope"') });
    const { url } = await fixture.serve(guarded);
    expect(await failureOf(fixture.open(url))).toEqual(sure);
  });

  test.each(['', ',error="invalid_token"'])('a fresh token that is refused (%j) is a denial', async (error) => {
    const { url } = await fixture.serve(createGuarded({ isAllowed: () => false, challenge: offer(error) }));
    expect(await failureOf(fixture.open(url))).toEqual(unsure);
  });

  test.each([401, 403])('%i from the token service is a denial', async (status) => {
    const { url } = await fixture.serve(createGuarded({ isAllowed: () => false, grant: () => ({ status }) }));
    expect(await failureOf(fixture.open(url))).toEqual(unsure);
  });

  test.each([400, 429, 500, 503])('%i is no absence', async (status) => {
    const { url } = await fixture.serve(() => ({ status }));
    expect(await failureOf(fixture.open(url))).toMatchObject({ isAbsence: false });
  });
});

describe('of several URLs', () => {
  test('all must be sure', async () => {
    const absent = await fixture.serve(() => ({ status: 404 }));
    const denying = await fixture.serve(() => ({ status: 403 }));
    const urls = [absent, denying].map(({ url }) => ({ url, tags: true }));
    expect(await failureOf(fixture.open(urls))).toEqual(unsure);
    expect(await failureOf(fixture.open(urls.toReversed()))).toEqual(unsure);
    expect(await failureOf(fixture.open([urls[0], urls[0]].flatMap((entry) => entry ?? [])))).toEqual(sure);
  });
});

describe('a blob that storage lacks', () => {
  test('may be on its way there', async () => {
    const storage = await fixture.serve(() => ({ status: 404 }));
    const { url } = await fixture.serve(() => ({ status: 307, headers: { location: `${storage.url}/blob` } }));
    const upstream = fixture.open(url, { egressAllow: ['127.0.0.1'] });
    await expect(upstream.headBlob('a/b', blobDigest)).rejects.toMatchObject({
      kind: 'blob-unknown',
      isAbsence: false,
    });
  });

  test('is absent when the registry itself says so', async () => {
    const { url } = await fixture.serve(() => ({ status: 404 }));
    await expect(fixture.open(url).headBlob('a/b', blobDigest)).rejects.toMatchObject({ isAbsence: true });
  });
});

test.each([
  [undefined, false],
  ['Bearer realm="x"', false],
  ['Bearer realm="x",error="insufficient_scope"', true],
  ['Basic realm="x", Bearer realm="x", error=insufficient_scope', true],
  ['Bearer realm="insufficient_scope"', false],
])('%j blames the scope: %s', (header, expected) => {
  expect(blamesScope(header)).toBe(expected);
});
