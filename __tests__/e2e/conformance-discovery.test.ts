// Tags and referrers of the distribution specification, read-only, asked of the mirror in front of a real registry.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ask, readErrorCodes, type Answer } from './support/http.ts';
import { createImage } from './support/image.ts';
import { sbomType, signatureType } from './support/images.ts';
import { pushImage } from './support/push.ts';
import { createStage, type Stage } from './support/stage.ts';
import { describeWith } from './support/describe-with.ts';

const indexType = 'application/vnd.oci.image.index.v1+json';
const tags = ['1.0', '1.1', '2.0', 'Beta', 'alpha', 'latest'];

describeWith({ programs: ['docker-registry', 'busybox'] }, 'the discovery side of the specification', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await createStage();
    const image = createImage({ layers: [[{ path: 'a.txt', content: 'a' }]] });
    for (const tag of tags) await pushImage(stage.upstream.url, 'team/tagged', tag, image);
  }, 60_000);
  afterAll(async () => {
    await stage?.close();
  });

  const get = (path: string): Promise<Answer> => ask(stage.mirror.url, path);

  describe('tags/list', () => {
    const list = async (query: string): Promise<{ answer: Answer; tags: unknown }> => {
      const answer = await get(`/v2/team/tagged/tags/list${query}`);
      expect(answer.status).toBe(200);
      const body = JSON.parse(answer.body.toString()) as { name?: unknown; tags?: unknown };
      expect(body.name).toBe('team/tagged');
      return { answer, tags: body.tags };
    };

    test('gives every tag in bytewise order, on one page', async () => {
      const { answer, tags: listed } = await list('');
      expect(listed).toEqual(tags);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.headers.link).toBeUndefined();
    });

    test('n limits a page, and Link leads through the rest', async () => {
      const pages: unknown[] = [];
      let query: string | undefined = '?n=4&ns=docker.io';
      while (query !== undefined) {
        const page: Awaited<ReturnType<typeof list>> = await list(query);
        pages.push(page.tags);
        const next = /^<(?<path>[^>]+)>; ?rel="?next"?$/.exec(String(page.answer.headers.link ?? ''))?.groups?.['path'];
        if (next !== undefined) expect(next).toMatch(/^\/v2\/team\/tagged\/tags\/list\?.*ns=docker\.io/);
        query = next?.slice(next.indexOf('?'));
      }
      expect(pages).toEqual([tags.slice(0, 4), tags.slice(4)]);
    });

    test('n=0 gives nothing, and no Link', async () => {
      const { answer, tags: listed } = await list('?n=0');
      expect(listed).toEqual([]);
      expect(answer.headers.link).toBeUndefined();
    });

    test('last begins after a tag, with and without n, also after a tag that is not there', async () => {
      expect((await list('?last=2.0')).tags).toEqual(tags.slice(3));
      expect((await list('?last=1.5&n=2')).tags).toEqual(['2.0', 'Beta']);
      expect((await list('?last=latest')).tags).toEqual([]);
    });

    test('an n that is no number is 400', async () => {
      const answer = await get('/v2/team/tagged/tags/list?n=many');
      expect(answer.status).toBe(400);
      expect(readErrorCodes(answer)).toEqual(['UNSUPPORTED']);
    });

    test('an unknown repository is 404', async () => {
      const answer = await get('/v2/team/absent/tags/list');
      expect(answer.status).toBe(404);
      expect(readErrorCodes(answer)).toHaveLength(1);
    });
  });

  describe('referrers', () => {
    interface Index {
      readonly schemaVersion?: unknown;
      readonly mediaType?: unknown;
      readonly manifests?: readonly { readonly digest: string; readonly artifactType?: string }[];
    }
    const list = async (digest: string, query = ''): Promise<{ answer: Answer; index: Index }> => {
      const answer = await get(`/v2/team/signed/referrers/${digest}${query}`);
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe(indexType);
      const index = JSON.parse(answer.body.toString()) as Index;
      expect(index).toMatchObject({ schemaVersion: 2, mediaType: indexType });
      return { answer, index };
    };

    test('gives what refers to an image, and each of it can be pulled', async () => {
      const { index } = await list(stage.images.signed.image.manifest.descriptor.digest);
      expect(index.manifests?.map((entry) => entry.artifactType)).toEqual([signatureType, sbomType]);
      for (const { digest } of index.manifests ?? []) {
        const answer = await get(`/v2/team/signed/manifests/${digest}`);
        expect(answer.status).toBe(200);
        expect(JSON.parse(answer.body.toString())).toMatchObject({
          subject: { digest: stage.images.signed.image.manifest.descriptor.digest },
        });
      }
    });

    test('is filtered only with a header that says so', async () => {
      const { digest } = stage.images.signed.image.manifest.descriptor;
      const { answer, index } = await list(digest, `?artifactType=${encodeURIComponent(sbomType)}`);
      const types = index.manifests?.map((entry) => entry.artifactType);
      const applied = answer.headers['oci-filters-applied'];
      expect(applied === 'artifactType' ? types : [sbomType]).toEqual([sbomType]);
      expect(types).toContain(sbomType);
    });

    test('is an empty list for an image that nothing refers to', async () => {
      const { answer, index } = await list(`sha256:${'0'.repeat(64)}`);
      expect(index.manifests).toEqual([]);
      expect(answer.headers['oci-filters-applied']).toBeUndefined();
    });

    test('of a digest that is none is 400', async () => {
      const answer = await get('/v2/team/signed/referrers/sha256:baddigeststring');
      expect(answer.status).toBe(400);
      expect(readErrorCodes(answer)).toEqual(['DIGEST_INVALID']);
    });

    test('under the fallback tag is the list as it was pushed', async () => {
      const { digest } = stage.images.signed.image.manifest.descriptor;
      const answer = await get(`/v2/team/signed/manifests/${digest.replace(':', '-')}`);
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe(indexType);
    });
  });
});
