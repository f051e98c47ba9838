// Story: manifests leave exactly as upstream made them, or not at all.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { dockerListType, dockerManifestType, ociIndexType, ociManifestType } from '../support/registry-content.ts';

const stage = setStage();
const emptyConfig = {
  mediaType: 'application/vnd.oci.image.config.v1+json',
  digest: `sha256:${'ab'.repeat(32)}`,
  size: 2,
};

describe('a manifest', () => {
  test('of two minds about its type is refused and not kept', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const body = { schemaVersion: 2, mediaType: ociManifestType, config: emptyConfig, layers: [] };
    const confused: readonly (readonly [object | string, string])[] = [
      [body, ociIndexType],
      [{ ...body, manifests: [] }, ociManifestType],
      [{ schemaVersion: 2, mediaType: ociIndexType, manifests: [], layers: [] }, ociIndexType],
      [{ schemaVersion: 2, manifests: [], config: emptyConfig }, ociIndexType],
      [body, 'text/html'],
      [body, 'application/json'],
      ['[]', ociManifestType],
      ['not json', ociManifestType],
    ];
    for (const [i, [manifest, mediaType]] of confused.entries()) {
      const { digest } = upstream.registry.addManifest('team/app', manifest, { tag: `confused-${i}`, mediaType });
      for (const reference of [`confused-${i}`, digest]) {
        expectError(await pull(mirror.address, `/v2/team/app/manifests/${reference}`), 502, 'UNAVAILABLE');
      }
    }
  });

  test('keeps its type for ever', async () => {
    const upstream = await stage.upstream();
    const body = JSON.stringify({ schemaVersion: 2, config: emptyConfig, layers: [] });
    const { digest } = upstream.registry.addManifest('team/app', body, { mediaType: ociManifestType });
    const mirror = await stage.mirror(upstream);
    const path = `/v2/team/app/manifests/${digest}`;
    expect((await pull(mirror.address, path)).headers['content-type']).toBe(ociManifestType);
    upstream.registry.addManifest('team/app', body, { mediaType: ociIndexType });
    expect((await pull(mirror.address, path)).headers['content-type']).toBe(ociManifestType);
  });

  test('larger than 4 MiB is cut off, with and without length, and its tag stays where it was', async () => {
    const upstream = await stage.upstream();
    const bomb = JSON.stringify({ schemaVersion: 2, mediaType: ociManifestType, padding: 'x'.repeat(5_000_000) });
    const { digest } = upstream.registry.addManifest('team/app', bomb, { tag: 'bomb' });
    const mirror = await stage.mirror([{ upstream, name: 'registry.test', tagTtl: '1ms' }]);
    const image = upstream.registry.addImage('team/app', 'moving', ['layer']);
    expect((await pull(mirror.address, '/v2/team/app/manifests/moving')).digest).toBe(image.digest);
    upstream.registry.setTag('team/app', 'moving', digest);
    for (const fault of [{}, { chunked: true }, { noLength: true }, { endless: true }]) {
      const rule = upstream.always({ method: 'GET', path: '/manifests/' }, fault);
      for (const reference of ['bomb', digest]) {
        expectError(await pull(mirror.address, `/v2/team/app/manifests/${reference}`), 502, 'UNAVAILABLE');
      }
      expect(await pull(mirror.address, '/v2/team/app/manifests/moving')).toMatchObject({
        status: 200,
        digest: image.digest,
      });
      rule.remove();
    }
    // What lies in the sockets' buffers comes on top of what is read.
    for (const { bodyBytes } of upstream.requests) expect(bodyBytes).toBeLessThan(30_000_000);
  });

  test('with 2^17 names that look like numbers costs a moment, and holds nobody up', async () => {
    const upstream = await stage.upstream();
    // Such as fall together in a table of names that takes them for numbers.
    for (const step of [1, 2 ** 17]) {
      const names = Array.from({ length: 2 ** 17 }, (_, at) => `"${at * step}":0`);
      const text = `{"schemaVersion":2,"mediaType":"${ociManifestType}",${names.join()}}`;
      upstream.registry.addManifest('team/app', text, { tag: `step-${step}`, mediaType: ociManifestType });
    }
    upstream.registry.addImage('team/app', 'plain', ['a layer']);
    const mirror = await stage.mirror(upstream);
    expect((await pull(mirror.address, '/v2/team/app/manifests/plain')).status).toBe(200);
    for (const tag of ['step-1', `step-${2 ** 17}`]) {
      const hostile = pull(mirror.address, `/v2/team/app/manifests/${tag}`);
      const plain = await pull(mirror.address, '/v2/team/app/manifests/plain');
      const { status, totalMs } = await hostile;
      expect([200, 502]).toContain(status);
      // With names that fall together it would be minutes.
      expect([plain.status, plain.totalMs < 5_000, totalMs < 5_000]).toEqual([200, true, true]);
    }
  });

  test('is passed on byte for byte, under its own type', async () => {
    const upstream = await stage.upstream();
    const bodies: readonly (readonly [string, string])[] = [
      [
        `{\r\n  "schemaVersion" :2,\t"mediaType": "${ociManifestType}",\n"config":{},"layers":[ ]}\n\n`,
        ociManifestType,
      ],
      [
        `{"layers":[],"schemaVersion":2.0,"x":"\\u00e9\\/","config":{},"mediaType":"${dockerManifestType}"}`,
        dockerManifestType,
      ],
      [`{"schemaVersion":2,"mediaType":"${dockerListType}","manifests":[]} `, dockerListType],
      [`{"schemaVersion":2,"a":1e400,"a":12345678901234567890,"manifests":[{"size":-1}],"é":"ü"}`, ociIndexType],
    ];
    const mirror = await stage.mirror(upstream);
    for (const [i, [body, mediaType]] of bodies.entries()) {
      const added = upstream.registry.addManifest('team/app', body, { tag: `exact-${i}`, mediaType });
      for (const reference of [`exact-${i}`, added.digest, `exact-${i}`]) {
        const pulled = await pull(mirror.address, `/v2/team/app/manifests/${reference}`);
        expect(pulled.body.toString()).toBe(body);
        expect(pulled.headers).toMatchObject({
          'content-type': mediaType,
          'docker-content-digest': added.digest,
          'content-length': String(added.bytes.length),
        });
      }
    }
  });

  test('is verified by the algorithm of its digest', async () => {
    const upstream = await stage.upstream();
    const body = JSON.stringify({ schemaVersion: 2, mediaType: ociManifestType, config: emptyConfig, layers: [] });
    const { digest } = upstream.registry.addManifest('team/app', body, { algorithm: 'sha512', tag: 'long' });
    const mirror = await stage.mirror(upstream);
    for (const reference of [digest, 'long']) {
      const pulled = await pull(mirror.address, `/v2/team/app/manifests/${reference}`);
      expect(pulled.status).toBe(200);
      expect(pulled.headers['docker-content-digest']).toBe(digest);
      expect(pulled.body.toString()).toBe(body);
    }
  });
});
