// The pull side of the distribution specification, read-only, asked of the mirror in front of a real registry.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createContent, type Content } from './support/image.ts';
import { ask, readErrorCodes, type Answer, type AskOptions } from './support/http.ts';
import { pushBlob } from './support/push.ts';
import { createStage, type Stage } from './support/stage.ts';
import { describeWith } from './support/describe-with.ts';

const absentDigest = `sha256:${'0'.repeat(64)}`;
const allManifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

describeWith({ programs: ['docker-registry', 'busybox'] }, 'the pull side of the specification', () => {
  let stage: Stage;
  const empty = createContent('application/octet-stream', Buffer.alloc(0));
  beforeAll(async () => {
    stage = await createStage();
    await pushBlob(stage.upstream.url, 'team/signed', empty);
  }, 60_000);
  afterAll(async () => {
    await stage?.close();
  });

  const get = (path: string, options?: AskOptions): Promise<Answer> => ask(stage.mirror.url, path, options);
  const getRange = (path: string, range: string, more: Readonly<Record<string, string>> = {}): Promise<Answer> =>
    get(path, { headers: { range, ...more } });

  test('GET /v2/ says that this is a registry, and asks for no login', async () => {
    const answer = await get('/v2/');
    expect(answer.status).toBe(200);
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect(answer.headers['docker-distribution-api-version']).toBe('registry/2.0');
  });

  describe('manifests', () => {
    function expectManifest(answer: Answer, manifest: Content): void {
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe(manifest.descriptor.mediaType);
      expect(answer.headers['docker-content-digest']).toBe(manifest.descriptor.digest);
      expect(answer.headers['content-length']).toBe(String(manifest.descriptor.size));
      expect(answer.headers['content-encoding']).toBeUndefined();
    }

    test.each(['deep', 'multiPlatform', 'dockerList', 'runnable'] as const)(
      'HEAD and GET by tag and by digest give %s as it was pushed',
      async (which) => {
        const { repository, tag, image } = stage.images[which];
        for (const reference of [tag, image.manifest.descriptor.digest]) {
          const path = `/v2/${repository}/manifests/${reference}`;
          const head = await get(path, { method: 'HEAD', headers: { accept: allManifestTypes } });
          expectManifest(head, image.manifest);
          expect(head.body).toHaveLength(0);
          const whole = await get(path, { headers: { accept: allManifestTypes } });
          expectManifest(whole, image.manifest);
          expect(whole.body.equals(image.manifest.bytes)).toBe(true);
        }
      },
    );

    test('the children of an index are there by digest', async () => {
      const { repository, image } = stage.images.multiPlatform;
      for (const { manifest } of image.children) {
        expectManifest(await get(`/v2/${repository}/manifests/${manifest.descriptor.digest}`), manifest);
      }
    });

    test.each([undefined, '*/*', 'application/vnd.oci.image.manifest.v1+json', 'text/html'])(
      'an image in Docker form is served to Accept: %s',
      async (accept) => {
        const { repository, tag, image } = stage.images.runnable;
        const headers = accept === undefined ? {} : { accept };
        expectManifest(await get(`/v2/${repository}/manifests/${tag}`, { headers }), image.manifest);
      },
    );

    test.each([
      ['an unknown tag', 'team/signed', 'absent', 'MANIFEST_UNKNOWN'],
      ['an unknown digest', 'team/signed', absentDigest, 'MANIFEST_UNKNOWN'],
      ['an unknown sha512 digest', 'team/signed', `sha512:${'0'.repeat(128)}`, 'MANIFEST_UNKNOWN'],
      ['a tag of 128 characters', 'team/signed', 'x'.repeat(128), 'MANIFEST_UNKNOWN'],
      ['an unknown repository', 'team/absent', 'latest', 'MANIFEST_UNKNOWN'],
      ['a repository called blobs', 'team/blobs/x', 'latest', 'MANIFEST_UNKNOWN'],
    ])('%s is 404', async (_what, repository, reference, code) => {
      for (const method of ['HEAD', 'GET']) {
        const answer = await get(`/v2/${repository}/manifests/${reference}`, { method });
        expect(answer.status).toBe(404);
        if (method === 'GET') expect(readErrorCodes(answer)).toEqual([code]);
        else expect(answer.body).toHaveLength(0);
      }
    });

    test.each([
      ['a digest that is none', 'sha256:baddigeststring'],
      ['a digest in upper case', `sha256:${'A'.repeat(64)}`],
      ['a tag of 129 characters', 'x'.repeat(129)],
      ['a tag that begins with a dot', '.x'],
    ])('%s is refused', async (_what, reference) => {
      const answer = await get(`/v2/team/signed/manifests/${reference}`);
      expect([400, 404]).toContain(answer.status);
      expect(readErrorCodes(answer)).toHaveLength(1);
    });

    test('the colon of a digest may come percent-encoded', async () => {
      const { repository, image } = stage.images.signed;
      const reference = image.manifest.descriptor.digest.replace(':', '%3A');
      expectManifest(await get(`/v2/${repository}/manifests/${reference}`), image.manifest);
    });
  });

  describe('names', () => {
    test.each([
      'Team/signed',
      'team//signed',
      'team/../team/signed',
      'team/%2e%2e/signed',
      'team%2fsigned',
      '-team/x',
      'team_/x',
    ])('%s is refused', async (name) => {
      const answer = await get(`/v2/${name}/manifests/1.0`);
      expect([400, 404]).toContain(answer.status);
      expect(readErrorCodes(answer)).toHaveLength(1);
    });
  });

  describe('blobs', () => {
    let path: string;
    let blob: Content;
    beforeAll(() => {
      const { repository, image } = stage.images.large;
      blob = image.blobs.find((content) => content.descriptor.size > 1_000_000) ?? empty;
      path = `/v2/${repository}/blobs/${blob.descriptor.digest}`;
    });

    function expectPart(answer: Answer, start: number, end: number): void {
      expect(answer.status).toBe(206);
      expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${blob.bytes.length}`);
      expect(answer.headers['content-length']).toBe(String(end - start));
      expect(answer.body.equals(blob.bytes.subarray(start, end))).toBe(true);
    }

    test('HEAD says how large it is before anything of it is here', async () => {
      const head = await get(path, { method: 'HEAD' });
      expect(head.status).toBe(200);
      expect(head.headers['content-length']).toBe(String(blob.bytes.length));
      expect(head.headers['docker-content-digest']).toBe(blob.descriptor.digest);
      expect(head.body).toHaveLength(0);
    });

    test.each(['cold', 'warm'])('ranges of a %s blob are exact', async () => {
      const size = blob.bytes.length;
      expectPart(await getRange(path, 'bytes=0-0'), 0, 1);
      expectPart(await getRange(path, 'bytes=10-19'), 10, 20);
      expectPart(await getRange(path, `bytes=${size - 5}-`), size - 5, size);
      expectPart(await getRange(path, 'bytes=-7'), size - 7, size);
      expectPart(await getRange(path, `bytes=${size - 1}-${size + 100}`), size - 1, size);
      expectPart(await getRange(path, 'bytes=0-'), 0, size);
    });

    test('GET gives the bytes, with headers equal to those of HEAD', async () => {
      const whole = await get(path);
      expect(whole.status).toBe(200);
      expect(whole.body.equals(blob.bytes)).toBe(true);
      expect(whole.headers['accept-ranges']).toBe('bytes');
      const head = await get(path, { method: 'HEAD' });
      for (const name of ['content-length', 'content-type', 'docker-content-digest', 'etag', 'accept-ranges']) {
        expect(head.headers[name]).toBe(whole.headers[name]);
      }
    });

    test('a range outside of the blob is 416 with its size', async () => {
      const answer = await getRange(path, `bytes=${blob.bytes.length}-`);
      expect(answer.status).toBe(416);
      expect(answer.headers['content-range']).toBe(`bytes */${blob.bytes.length}`);
    });

    test('several ranges come whole or as true parts', async () => {
      const answer = await getRange(path, 'bytes=0-1,5-6');
      if (answer.status === 200) expect(answer.body.equals(blob.bytes)).toBe(true);
      else {
        expect(answer.status).toBe(206);
        expect(answer.headers['content-type']).toMatch(/^multipart\/byteranges; ?boundary=/);
        expect(answer.body.toString('latin1').match(/content-range: bytes /gi)).toHaveLength(2);
      }
    });

    test.each([
      ['a unit that nobody knows', { range: 'pages=1-2' }],
      ['an If-Range that does not match', { range: 'bytes=0-1', 'if-range': '"other"' }],
    ])('%s gives the whole', async (_what, headers) => {
      const answer = await get(path, { headers });
      expect(answer.status).toBe(200);
      expect(answer.body).toHaveLength(blob.bytes.length);
    });

    test('an If-Range that matches gives the part', async () => {
      expectPart(await getRange(path, 'bytes=0-1', { 'if-range': `"${blob.descriptor.digest}"` }), 0, 2);
    });

    test('a Range on HEAD has no meaning', async () => {
      const head = await get(path, { method: 'HEAD', headers: { range: 'bytes=0-1' } });
      expect(head.status).toBe(200);
      expect(head.headers['content-length']).toBe(String(blob.bytes.length));
    });

    test('every layer and configuration of an image is there', async () => {
      const { repository, image } = stage.images.deep;
      for (const { descriptor, bytes } of image.blobs) {
        const answer = await get(`/v2/${repository}/blobs/${descriptor.digest}`);
        expect(answer.status).toBe(200);
        expect(answer.headers['docker-content-digest']).toBe(descriptor.digest);
        expect(answer.body.equals(bytes)).toBe(true);
      }
    });

    test('a blob of no bytes is one', async () => {
      const answer = await get(`/v2/team/signed/blobs/${empty.descriptor.digest}`);
      expect(answer.status).toBe(200);
      expect(answer.headers['content-length']).toBe('0');
      expect(answer.body).toHaveLength(0);
    });

    test.each([
      ['an unknown digest', absentDigest, [404], 'BLOB_UNKNOWN'],
      ['an unknown sha512 digest', `sha512:${'0'.repeat(128)}`, [404], 'BLOB_UNKNOWN'],
      ['a digest that is none', 'sha256:baddigeststring', [400, 404], 'DIGEST_INVALID'],
    ])('%s is refused', async (_what, digest, statuses, code) => {
      const answer = await get(`/v2/team/signed/blobs/${digest}`);
      expect(statuses).toContain(answer.status);
      expect(readErrorCodes(answer)).toEqual([code]);
      expect((await get(`/v2/team/signed/blobs/${digest}`, { method: 'HEAD' })).status).toBe(answer.status);
    });
  });

  describe('everything else', () => {
    test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s is 405 and names what is allowed', async (method) => {
      for (const path of ['manifests/1.0', `blobs/${absentDigest}`, 'blobs/uploads/']) {
        const answer = await get(`/v2/team/signed/${path}`, { method });
        expect(answer.status).toBe(405);
        expect(answer.headers.allow).toMatch(/GET/);
        expect(readErrorCodes(answer)).toEqual(['UNSUPPORTED']);
      }
    });

    test('ns names the upstream and is echoed', async () => {
      const { repository, tag } = stage.images.signed;
      const answer = await get(`/v2/${repository}/manifests/${tag}?ns=docker.io`);
      expect(answer.status).toBe(200);
      expect(answer.headers['oci-namespace']).toBe('docker.io');
    });

    test.each(['elsewhere.example', '169.254.169.254', 'localhost'])('ns=%s is not on the list', async (host) => {
      const answer = await get(`/v2/team/signed/manifests/1.0?ns=${host}`);
      expect(answer.status).toBe(404);
      expect(readErrorCodes(answer)).toEqual(['NAME_UNKNOWN']);
    });
  });
});
