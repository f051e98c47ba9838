import { afterEach, describe, expect, test } from '@jest/globals';
import type { RecalledBlob } from '../../../src/mirror/pull.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { exchangeRaw } from '../../support/raw-exchange.ts';
import { pull, startPull, type PullOptions } from '../../support/raw-client.ts';
import { createFakeMirror, digestOf, manifestBytes, serveBlob, serveManifest, type FakeMirror } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';
import { createManualClock } from './manual-clock.ts';

/** Every byte there is, so that none changes on its way through a text. */
const allBytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
const small = Buffer.concat(Array.from({ length: 40 }, () => allBytes));
const large = Buffer.concat(Array.from({ length: 800 }, () => allBytes));

const byTag = '/v2/ghcr.io/o/r/manifests/v1';
const byDigest = `/v2/ghcr.io/o/r/manifests/${digestOf(manifestBytes)}`;
const blobOf = (bytes: Buffer): string => `/v2/ghcr.io/o/r/blobs/${digestOf(bytes)}`;

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

function recallBlob(digest: string): RecalledBlob | undefined {
  const bytes = [small, large].find((each) => digestOf(each) === digest);
  return bytes && { digest: digestOf(bytes), sizeBytes: bytes.length, outcome: 'hit', provenance: 'public', bytes };
}

/** A mirror that has everything, in memory or not. */
async function setUp(isRecalled: boolean) {
  const facts = { ageMs: 12_345 };
  const mirror: FakeMirror = createFakeMirror({
    recallManifest: () => (isRecalled ? serveManifest(facts) : undefined),
    recallBlob: ({ digest }) => (isRecalled ? recallBlob(digest) : undefined),
    getManifest: async () => serveManifest(facts),
    headManifest: async () => serveManifest(facts),
    getBlob: async ({ digest }) => serveBlob(digest === digestOf(small) ? small : large, mirror.ledger),
    headBlob: async ({ digest }) => recallBlob(digest) ?? Promise.reject(new Error('no such blob')),
  });
  served = await serve(mirror);
  const { address } = served;
  return { mirror, served, get: (path: string, options?: PullOptions) => pull(address, path, options) };
}

describe('content in memory', () => {
  test.each([byTag, byDigest, blobOf(small), blobOf(large), `${byTag}?ns=ghcr.io`])(
    'gets the same answer at %s as content that is not, from the mirror that is not asked',
    async (path) => {
      const answers: object[] = [];
      for (const isRecalled of [true, false]) {
        const { mirror, get, served: running } = await setUp(isRecalled);
        for (const method of ['GET', 'HEAD']) {
          const { status, isComplete, headers, digest, bytes } = await get(path, { method });
          const { date: _date, ...others } = headers;
          answers.push({ method, status, isComplete, headers: others, digest, bytes });
        }
        expect(mirror.ledger.calls).toHaveLength(isRecalled ? 0 : 2);
        const lines = (await running.untilReported(2)).map(({ fields }) => fields);
        answers.push(lines.map(({ durationMs: _duration, ...fields }) => fields));
        answers.push(running.requests.map(({ seconds: _seconds, ...facts }) => facts));
        await running.close();
      }
      expect(answers.slice(0, 4)).toEqual(answers.slice(4));
      expect(answers[0]).toMatchObject({ status: 200, isComplete: true });
    },
  );

  test.each([
    ['a part', { range: 'bytes=0-9' }, 206],
    ['what has changed', { headers: { 'if-none-match': `"${digestOf(small)}"` } }, 304],
    ['it through other mirrors', { headers: { via: '1.1 stowage-there' } }, 200],
    ['it with a body', { headers: { 'content-length': '0' } }, 200],
  ])('is not what a request for %s is about', async (_what, options, status) => {
    const { mirror, get } = await setUp(true);
    expect(await get(blobOf(small), options)).toMatchObject({ status, isComplete: true });
    expect(mirror.ledger.calls).toHaveLength(1);
  });

  test('that cannot be looked for is pulled, and the pull says what is wrong', async () => {
    const mirror = createFakeMirror({
      recallManifest() {
        throw new MirrorError({ kind: 'upstream-unknown', message: 'not here' });
      },
    });
    served = await serve(mirror);
    expect(await pull(served.address, byTag)).toMatchObject({ status: 404 });
    expect(mirror.ledger.calls).toHaveLength(1);
  });

  test('is given in order to a client that asks ahead', async () => {
    const { served: running } = await setUp(true);
    const ask = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: mirror\r\n${more}\r\n`;
    const text = await exchangeRaw(running.address, `${ask(blobOf(small))}${ask(byTag, 'Connection: close\r\n')}`);
    const [first, second] = [small, manifestBytes].map((bytes) => text.indexOf(bytes.toString('latin1')));
    expect(first).toBeGreaterThan(0);
    expect(second).toBeGreaterThan(Number(first));
  });

  test('is not held for a client that takes none of it: the connection is cut, and that is told', async () => {
    // More than the kernel takes.
    const bytes = Buffer.alloc(32 * 1024 * 1024);
    const mirror = createFakeMirror({
      recallBlob: ({ digest }) => ({ digest, sizeBytes: bytes.length, outcome: 'hit', provenance: 'public', bytes }),
    });
    const clock = createManualClock();
    served = await serve(mirror, { clock, limits: { writeIdleMs: 1000 } });
    const pulling = startPull(served.address, blobOf(small), { neverReads: true });
    expect(await pulling.status).toBe(200);
    clock.advance(1000);
    const [line] = await served.untilReported(1);
    expect(line?.fields).toMatchObject({ status: 200, isComplete: false, bytes: 0 });
    pulling.abort();
    expect((await pulling.done).isComplete).toBe(false);
    expect(clock.pending).toBe(0);
  });
});
