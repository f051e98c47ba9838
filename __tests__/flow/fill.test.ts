// Story: one transfer, many readers, who come and go.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { listCacheFiles } from '../support/cache-files.ts';
import { createContent, createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, startPull } from '../support/raw-client.ts';
import type { RecordedRequest } from '../support/raw-server.ts';
import { blobGets, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const layer = createSeededContent('fill', 5_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;

async function setUp(upstreamOptions = {}, config = {}) {
  const upstream = await stage.upstream(upstreamOptions);
  upstream.registry.addBlob('team/app', layer);
  const mirror = await stage.mirror(upstream, config);
  return { upstream, mirror };
}

const pullTimes = (address: string, count: number, target = path) =>
  Promise.all(Array.from({ length: count }, () => pull(address, target)));

/** Bytes of blobs sent upstream, but for what the oracle asks afterwards. */
const blobBytes = (upstream: ScriptedUpstream): number => upstream.bytesOf(blobGets);

describe('a fill', () => {
  test('is one transfer for two hundred clients of a cold blob', async () => {
    const { upstream, mirror } = await setUp();
    for (const pulled of await pullTimes(mirror.address, 200)) expectWhole(pulled, layer);
    expect(upstream.find(blobGets)).toHaveLength(1);
    expect(upstream.find({ method: 'HEAD', path: '/blobs/' }).length).toBeLessThanOrEqual(1);
    expect(blobBytes(upstream)).toBe(layer.sizeBytes);
  });

  test('gives a follower its first bytes while the transfer is under way', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 2_000_000, gate } });
    const first = startPull(mirror.address, path);
    await first.untilReceived(1_000_000);
    const follower = startPull(mirror.address, path);
    await follower.untilReceived(1_000_000);
    expect(first.received).toBeLessThan(layer.sizeBytes);
    gate.open();
    expectWhole(await first.done, layer);
    expectWhole(await follower.done, layer);
    expect(blobBytes(upstream)).toBe(layer.sizeBytes);
  });

  test('caches the empty blob', async () => {
    const { upstream, mirror } = await setUp();
    const empty = upstream.registry.addBlob('team/app', createContent(''));
    const target = `/v2/team/app/blobs/${empty.digest}`;
    for (let time = 0; time < 2; time += 1) {
      const pulled = await pull(mirror.address, target);
      expectWhole(pulled, empty);
      expect(pulled.headers['content-length']).toBe('0');
    }
    expect(upstream.find(blobGets).length).toBeLessThanOrEqual(1);
  });

  test('outlives the client that began it', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 1_000_000, gate } });
    const first = startPull(mirror.address, path);
    await first.untilReceived(500_000);
    const others = [1, 2, 3].map(() => startPull(mirror.address, path));
    await Promise.all(others.map((other) => other.untilReceived(500_000)));
    first.abort();
    await first.done;
    gate.open();
    for (const other of others) expectWhole(await other.done, layer);
    expect(upstream.find(blobGets)).toHaveLength(1);
    expect(mirror.output).not.toContain('"level":"error"');
  });

  test('completes without readers, and the next pull costs upstream nothing', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 1_000_000, gate } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(500_000);
    pulling.abort();
    await pulling.done;
    gate.open();
    await upstream.until(() => blobBytes(upstream) >= layer.sizeBytes);
    const asked = upstream.requests.length;
    expectWhole(await pull(mirror.address, path), layer);
    expect(upstream.requests).toHaveLength(asked);
  });

  test('is not held back by slow readers and readers that never read', async () => {
    const { upstream, mirror } = await setUp();
    const never = startPull(mirror.address, path, { neverReads: true });
    const slow = startPull(mirror.address, path, { bytesPerSecond: 10_000 });
    await Promise.all([never.status, slow.status]);
    for (const pulled of await pullTimes(mirror.address, 2)) expectWhole(pulled, layer);
    expect(slow.received).toBeLessThan(layer.sizeBytes);
    expect(blobBytes(upstream)).toBe(layer.sizeBytes);
    never.abort();
    slow.abort();
    await Promise.all([never.done, slow.done]);
  });

  test('that fails gives all twenty waiters the same answer, and the next pull starts afresh', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    const failing = upstream.always({ path: '/blobs/' }, { status: 500, body: 'upstream text', hold: gate });
    const waiters = Array.from({ length: 20 }, () => startPull(mirror.address, path));
    await gate.reached;
    await pollUntil(async () => ((await readMetric(mirror.adminAddress, 'stowage_client_connections')) ?? 0) >= 20);
    gate.open();
    const answers = await Promise.all(waiters.map((waiter) => waiter.done));
    for (const answer of answers) expectError(answer, 502, 'UNAVAILABLE');
    expect(new Set(answers.map((answer) => answer.body.toString())).size).toBe(1);
    failing.remove();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('that all waiters have left may fail without harm', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 1_000_000, gate }, cut: { after: 1_000_001, by: 'RST' } });
    const pulls = [1, 2, 3].map(() => startPull(mirror.address, path));
    await Promise.all(pulls.map((pulling) => pulling.untilReceived(1)));
    for (const pulling of pulls) pulling.abort();
    await Promise.all(pulls.map((pulling) => pulling.done));
    const refusing = upstream.always(blobGets, { refuse: 'RST' });
    gate.open();
    await upstream.untilRequests(blobGets, 2);
    refusing.remove();
    stage.allowParked(layer.digest);
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('leaves nothing open when the client has gone before it began', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    upstream.once({ path: '/blobs/' }, { hold: gate });
    const pulling = startPull(mirror.address, path);
    await gate.reached;
    pulling.abort();
    await pulling.done;
    gate.open();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('is kept from a repository that may not see it, while others read it', async () => {
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/secret'] });
    const upstream = await stage.upstream({ tokens });
    upstream.registry.addBlob('team/secret', layer);
    upstream.registry.addBlob('team/other', 'something else');
    const login = { username: 'someone', passwordEnv: 'PLANTED', authHosts: [`127.0.0.1:${tokens.port}`] };
    const mirror = await stage.mirror(
      [
        { upstream, name: mainName },
        { upstream, name: 'private.test', shareCredentials: true, ...login },
      ],
      {},
      { PLANTED: 'planted-password' },
    );
    const gate = createGate();
    upstream.once(
      { method: 'GET', path: 'team/secret/blobs/', when: isAllowed },
      { holdBody: { after: 1_000_000, gate } },
    );
    const target = `/v2/team/secret/blobs/${layer.digest}`;
    const theirs = startPull(mirror.address, `${target}?ns=private.test`);
    await theirs.untilReceived(500_000);
    expectError(
      await pull(mirror.address, `/v2/team/other/blobs/${layer.digest}?ns=private.test`),
      404,
      'BLOB_UNKNOWN',
    );
    expectError(await pull(mirror.address, `/v2/team/other/blobs/${layer.digest}`), 404, 'BLOB_UNKNOWN');
    const anonymous = await pull(mirror.address, target);
    expect([403, 404]).toContain(anonymous.status);
    gate.open();
    expectWhole(await theirs.done, layer);
  });

  test('goes on after a kill from what was on the disk', async () => {
    const big = createSeededContent('killed', 40_000_000);
    const { upstream, mirror } = await setUp({ bytesPerSecond: 20_000_000 });
    upstream.registry.addBlob('team/app', big);
    const ofBig = { ...blobGets, path: big.digest };
    const target = `/v2/team/app/blobs/${big.digest}`;
    const pulling = startPull(mirror.address, target);
    await pollUntil(() => hasJournalOfSpans(mirror.cachePath), { what: 'a journal that names bytes' });
    await mirror.kill();
    await pulling.done;
    await upstream.until(() => upstream.requests.every((request) => request.isAnswered));
    const before = upstream.bytesOf(ofBig);
    await mirror.start();
    expectWhole(await pull(mirror.address, target), big);
    expect(upstream.bytesOf(ofBig) - before).toBeLessThan(big.sizeBytes);
  });
});

/** Not the one that is answered with a challenge. */
function isAllowed(request: RecordedRequest): boolean {
  return request.headers['authorization'] !== undefined;
}

/** Whether something of a fill would be found after a crash: not while the record has its temporary name. */
async function hasJournalOfSpans(cachePath: string): Promise<boolean> {
  for (const file of await listCacheFiles(cachePath, ['fills'])) {
    if (!file.endsWith('.journal')) continue;
    const text = await readFile(join(cachePath, file), 'utf8').catch(() => '');
    if (text.includes('"spans":[[')) return true;
  }
  return false;
}
