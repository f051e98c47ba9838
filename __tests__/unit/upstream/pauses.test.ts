import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Pauses, type PauseFacts } from '../../../src/upstream/pauses.ts';
import { blobDigest, blobReply, blobText, createGuarded, grantToken, manifestReply, tag } from './answers.ts';
import { createFixture, createManualClock, readAll, type Fixture, type Reply } from './fixture.ts';

const limited: Reply = { status: 429, headers: { 'retry-after': '20' } };
const busy: Reply = { status: 503, headers: { 'retry-after': '20' } };

describe('the time of a pause', () => {
  const create = (random = 0) => {
    const clock = createManualClock();
    const pauses = new Pauses({ clock, random: () => random });
    const note = (status: number, more: Partial<PauseFacts> = {}) =>
      pauses.note({
        class: 'manifests',
        account: 'anonymous',
        status,
        retryAfterMs: undefined,
        sentMs: clock.monotonicMs(),
        ...more,
      });
    const leftMs = () => pauses.find('manifests', 'anonymous')?.leftMs;
    /** Sends one request after the pause. */
    const fail = () => {
      clock.advance((leftMs() ?? 0) + 1);
      note(429);
      return leftMs();
    };
    return { clock, pauses, note, leftMs, fail };
  };

  test('doubles from 5 s to 60 s where upstream says none', () => {
    const { fail } = create();
    expect([fail(), fail(), fail(), fail(), fail(), fail()]).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  });

  test.each([200, 304, 307, 404])('begins at 5 s again after an answer of %i', (status) => {
    const { clock, note, leftMs, fail } = create();
    expect([fail(), fail()]).toEqual([5_000, 10_000]);
    clock.advance((leftMs() ?? 0) + 1);
    note(status);
    expect(fail()).toBe(5_000);
  });

  test.each([401, 403, 500])('goes on doubling after an answer of %i, which says nothing of the limit', (status) => {
    const { clock, note, leftMs, fail } = create();
    fail();
    clock.advance((leftMs() ?? 0) + 1);
    note(status);
    expect(fail()).toBe(10_000);
  });

  test('is doubled once by however many requests were under way', () => {
    const { clock, note, leftMs, fail } = create();
    const sentMs = clock.monotonicMs();
    clock.advance(100);
    expect(Array.from({ length: 20 }, () => note(429, { sentMs }))).toEqual([true, ...Array<false>(19).fill(false)]);
    expect(leftMs()).toBe(5_000);
    expect(fail()).toBe(10_000);
  });

  test('is not cut short by a success that was under way', () => {
    const { clock, note, leftMs } = create();
    const sentMs = clock.monotonicMs();
    clock.advance(100);
    note(429, { sentMs });
    note(200, { sentMs });
    expect(leftMs()).toBe(5_000);
  });

  test('is what upstream says, the longest of several', () => {
    const { note, leftMs } = create();
    note(429, { retryAfterMs: 30_000 });
    note(429, { retryAfterMs: 10_000 });
    expect(leftMs()).toBe(30_000);
  });

  test('is never shorter than upstream says, and up to a tenth longer', () => {
    const { note, leftMs } = create(1);
    note(429, { retryAfterMs: 30_000 });
    expect(leftMs()).toBe(33_000);
  });

  test('of 503 without Retry-After is none', () => {
    const { note, leftMs } = create();
    note(503);
    expect(leftMs()).toBeUndefined();
  });
});

describe('a pause', () => {
  let fixture: Fixture;
  beforeEach(() => {
    fixture = createFixture();
  });
  afterEach(async () => {
    await fixture.close();
  });

  /** A registry whose answers to one class are what `reply` is. */
  const serve = async (part: string, reply: Reply) => {
    const answer = { reply: reply as Reply | undefined };
    const server = await fixture.serve((request) => {
      if (request.target.includes(part) && answer.reply !== undefined) return answer.reply;
      if (request.target.endsWith('/list')) return { status: 200, body: '{"tags":[]}' };
      return request.target.includes('/blobs/') ? blobReply(request) : manifestReply;
    });
    return { server, answer, upstream: fixture.open(server.url) };
  };

  test.each([
    [limited, 'upstream-throttled'],
    [busy, 'upstream-paused'],
  ])('after %j is %s at once, until it ends', async (reply, kind) => {
    const { server, answer, upstream } = await serve('/manifests/', reply);
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ retryAfterMs: 20_000 });
    fixture.clock.advance(5_000);
    for (let n = 0; n < 10; n += 1) {
      await expect(upstream.getManifest('b', tag)).rejects.toMatchObject({
        kind,
        retryAfterMs: 15_000,
        isFinal: false,
      });
    }
    await expect(upstream.listTags('a', { n: undefined, last: undefined })).rejects.toMatchObject({ kind });
    expect(server.requests).toHaveLength(1);
    answer.reply = undefined;
    fixture.clock.advance(15_000);
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
  });

  test('of manifests holds back no blob, and one of blobs no manifest', async () => {
    const manifests = await serve('/manifests/', limited);
    await expect(manifests.upstream.headManifest('a', tag)).rejects.toBeDefined();
    expect((await readAll((await manifests.upstream.openBlob('a', blobDigest)).body)).toString()).toBe(blobText);
    const blobs = await serve('/blobs/', limited);
    await expect(blobs.upstream.openBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    await expect(blobs.upstream.headBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    await expect(blobs.upstream.headManifest('a', tag)).resolves.toBeDefined();
    expect(blobs.server.requests).toHaveLength(2);
  });

  test('of lists is one of manifests', async () => {
    const { upstream } = await serve('/tags/list', limited);
    await expect(upstream.listTags('a', { n: undefined, last: undefined })).rejects.toBeDefined();
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-throttled' });
  });

  test.each([
    ['30', 30_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    [String(Date.UTC(2026, 0, 1) / 1000 + 30), 30_000],
    ['86400', 300_000],
    ['Thu, 02 Jan 2026 00:00:00 GMT', 300_000],
    ['soon', 5_000],
  ])('of Retry-After %p lasts %i ms', async (retryAfter, leftMs) => {
    for (const name of ['retry-after', 'x-retry-after']) {
      const { upstream } = await serve('/manifests/', { status: 429, headers: { [name]: retryAfter } });
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ retryAfterMs: leftMs });
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ retryAfterMs: leftMs });
    }
  });

  test.each([
    ['plain text', { 'content-type': 'text/plain' }, 'Too Many Requests'],
    ['a web page', { 'content-type': 'text/html' }, '<html><h1>429 PLANTED</h1></html>'],
  ])('comes of a 429 that is %s, too', async (_what, headers, body) => {
    const { upstream } = await serve('/manifests/', { status: 429, headers, body });
    const failure = await upstream.getManifest('a', tag).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'upstream-throttled', retryAfterMs: 5_000 });
    expect(String(failure)).not.toContain('PLANTED');
  });

  test('at one URL leaves the others', async () => {
    const first = await fixture.serve(() => limited);
    const second = await fixture.serve(() => manifestReply);
    const upstream = fixture.open([{ url: first.url, tags: true }, { url: second.url }]);
    for (let n = 0; n < 3; n += 1) await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect([first.requests.length, second.requests.length]).toEqual([1, 3]);
  });

  test('never comes from storage: the registry is asked for another place', async () => {
    const cdn = await fixture.serve((request) => (request.id === 1 ? limited : blobReply(request)));
    const registry = await fixture.serve(() => ({ status: 307, headers: { location: `${cdn.url}/x` } }));
    const upstream = fixture.open(registry.url);
    expect((await readAll((await upstream.openBlob('a', blobDigest)).body)).toString()).toBe(blobText);
    expect([registry.requests.length, cdn.requests.length]).toEqual([2, 2]);
    expect(upstream.status().urls[0]?.pauses).toEqual([]);
  });

  test('comes from where manifests are redirected to', async () => {
    const region = await fixture.serve(() => limited);
    const registry = await fixture.serve(({ target }) => ({
      status: 307,
      headers: { location: `${region.url}${target}` },
    }));
    const upstream = fixture.open(registry.url);
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    expect(region.requests).toHaveLength(1);
  });

  test('of the account leaves what is asked for as anybody, and costs no HEAD', async () => {
    const login = { username: 'robot', password: { password: 'secret' } };
    const server = await fixture.serve(
      createGuarded({
        grant: ({ headers }) => grantToken(headers['authorization'] === undefined ? 'token-anybody' : 'token-robot'),
        content: ({ headers }) => (headers['authorization'] === 'Bearer token-robot' ? limited : manifestReply),
      }),
    );
    const upstream = fixture.open({ url: server.url, login });
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    const before = server.requests.length;
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    expect(server.requests).toHaveLength(before);
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
    expect(upstream.status().urls[0]?.pauses).toEqual([
      { class: 'manifests', account: 'login', isThrottled: true, leftMs: 20_000 },
    ]);
  });

  test('of the token service leaves what has a token', async () => {
    let isLimited = false;
    const server = await fixture.serve(
      createGuarded({ grant: (_request, count) => (isLimited ? limited : grantToken(`token-${count}`)) }),
    );
    const upstream = fixture.open(server.url);
    await upstream.headManifest('known', tag);
    isLimited = true;
    for (let n = 0; n < 5; n += 1) {
      await expect(upstream.headManifest(`new-${n}`, tag)).rejects.toMatchObject({
        kind: 'upstream-throttled',
        retryAfterMs: 20_000,
      });
    }
    await expect(upstream.headManifest('known', tag)).resolves.toBeDefined();
    expect(server.requests.filter(({ target }) => target.startsWith('/token'))).toHaveLength(2);
  });

  test('is logged once, however many requests it holds back', async () => {
    const { upstream } = await serve('/manifests/', limited);
    await Promise.all(Array.from({ length: 10 }, () => upstream.headManifest('a', tag).catch(() => undefined)));
    await upstream.headManifest('a', tag).catch(() => undefined);
    expect(fixture.lines.filter((line) => line.includes('pause'))).toHaveLength(1);
  });
});
