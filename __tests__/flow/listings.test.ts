// Story: lists of tags and of referrers: kept for a while, old in an outage, never empty by mistake.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { jsonOf, pull, type Pulled } from '../support/raw-client.ts';
import { ociIndexType } from '../support/registry-content.ts';
import { expectFailure } from '../support/warm.ts';

const stage = setStage();
const list = '/v2/team/app/tags/list';
const signature = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'ab'.repeat(32)}`,
  size: 7,
  artifactType: 'application/vnd.example.signature',
};

async function setUp(entry: Readonly<Record<string, unknown>> = { listTtl: '1ms', negativeTtl: '1ms' }) {
  const upstream = await stage.upstream();
  const image = upstream.registry.addImage('team/app', 'b', ['layer']);
  for (const tag of ['a', 'c']) upstream.registry.setTag('team/app', tag, image.digest);
  const mirror = await stage.mirror([{ upstream, name: mainName, ...entry }]);
  const ask = (path: string): Promise<Pulled> => pull(mirror.address, path);
  return { upstream, image, ask, referrers: `/v2/team/app/referrers/${image.digest}` };
}

describe('a list of tags', () => {
  test('is asked for once in its time, in pages or whole', async () => {
    const { upstream, ask } = await setUp({ listTtl: '1h' });
    expect(jsonOf(await ask(list))).toEqual({ name: 'team/app', tags: ['a', 'b', 'c'] });
    const page = await ask(`${list}?n=1&last=a`);
    expect(jsonOf(page)).toEqual({ name: 'team/app', tags: ['b'] });
    expect(page.headers['link']).toBe(`<${list}?n=1&last=b>; rel="next"`);
    const none = await ask(`${list}?n=0`);
    expect(jsonOf(none)).toEqual({ name: 'team/app', tags: [] });
    expect(none.headers['link']).toBeUndefined();
    expect(upstream.requests).toHaveLength(1);
  });

  test.each<[string, Fault]>([
    ['resets', { refuse: 'RST' }],
    ['answers 500', { status: 500, body: '{}' }],
    ['answers 429', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
    ['answers with a web page', { status: 200, body: '<html>', headers: { 'content-type': 'text/html' } }],
  ])('is old, and says so, while upstream %s', async (_name, fault) => {
    const { upstream, ask } = await setUp();
    const known = await ask(list);
    const broken = upstream.always({}, fault);
    const old = await ask(list);
    expect([old.status, old.digest, old.headers['warning']]).toEqual([
      200,
      known.digest,
      expect.stringMatching(/^299/),
    ]);
    expectFailure(await ask('/v2/team/never-listed/tags/list'));
    broken.remove();
  });

  test('of a repository that is gone is gone', async () => {
    const { upstream, ask } = await setUp();
    expect((await ask(list)).status).toBe(200);
    upstream.always({}, { status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' });
    expect((await ask(list)).status).toBe(404);
  });
});

describe('a list of referrers', () => {
  test('grows with upstream, and is filtered on demand', async () => {
    const { upstream, image, ask, referrers } = await setUp();
    expect(jsonOf(await ask(referrers))).toMatchObject({ manifests: [] });
    upstream.registry.addReferrers('team/app', image.digest, [signature, { ...signature, artifactType: 'other/type' }]);
    const all = await ask(referrers);
    expect(all.headers['content-type']).toBe(ociIndexType);
    expect(jsonOf(all)['manifests']).toHaveLength(2);
    const filtered = await ask(`${referrers}?artifactType=${signature.artifactType}`);
    expect(jsonOf(filtered)['manifests']).toEqual([signature]);
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
  });

  test('comes from the fallback tag where there is no such API', async () => {
    const { upstream, image, ask, referrers } = await setUp();
    upstream.registry.hasReferrersApi = false;
    const index = { schemaVersion: 2, mediaType: ociIndexType, manifests: [signature] };
    upstream.registry.addManifest('team/app', index, {
      tag: image.digest.replace(':', '-'),
      mediaType: ociIndexType,
    });
    expect(jsonOf(await ask(referrers))['manifests']).toEqual([signature]);
  });

  test('is empty where upstream has said that there is neither', async () => {
    const { upstream, ask, referrers } = await setUp();
    upstream.registry.hasReferrersApi = false;
    const pulled = await ask(referrers);
    expect([pulled.status, jsonOf(pulled)['manifests']]).toEqual([200, []]);
  });

  test.each<[string, Fault]>([
    ['reset', { refuse: 'RST' }],
    ['500', { status: 500, body: '{}' }],
    ['429', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
  ])('is never empty because of a %s, of the API or of the fallback tag', async (_name, fault) => {
    const { upstream, ask, referrers, image } = await setUp();
    const broken = upstream.always({}, fault);
    expectFailure(await ask(referrers));
    broken.remove();
    upstream.registry.hasReferrersApi = false;
    const tag = upstream.always({ path: image.digest.replace(':', '-') }, fault);
    expectFailure(await ask(referrers));
    tag.remove();
  });

  test('is old in an outage', async () => {
    const { upstream, image, ask, referrers } = await setUp();
    upstream.registry.addReferrers('team/app', image.digest, [signature]);
    const known = await ask(referrers);
    await upstream.down();
    const old = await ask(referrers);
    expect([old.status, old.digest]).toEqual([200, known.digest]);
    expect(old.headers['warning']).toMatch(/^299 - "/);
  });

  test('of nonsense is refused without asking', async () => {
    const { upstream, ask } = await setUp();
    expectError(await ask('/v2/team/app/referrers/latest'), 400, 'DIGEST_INVALID');
    expect(upstream.requests).toHaveLength(0);
  });
});
