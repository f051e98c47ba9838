// Story: thousands want what is not here, and upstream does not answer: most are told so at once, hits go on.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate, type Gate } from '../support/gate.ts';
import { pull, startPull, type Pulled } from '../support/raw-client.ts';
import { imageManifest } from '../support/registry-content.ts';
import type { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';
import type { TokenServer } from '../support/token-server.ts';

const stage = setStage();
const crowd = 1100;
/** `maxQuestions` of `src/upstream/crowd.ts`. */
const places = 1000;
const cold = /cold\/|cold%2F/;

interface Kind {
  readonly method?: string;
  /** Below the repository. */
  pathOf(content: { readonly digest: string }): string;
  stall(upstream: ScriptedUpstream, tokens: TokenServer, gate: Gate): void;
}

const stallUpstream: Kind['stall'] = (upstream, _, gate) => void upstream.always({ path: cold }, { hold: gate });
const stallTokens: Kind['stall'] = (_, tokens, gate) => void tokens.always({ path: cold }, { hold: gate });
const kinds: readonly (readonly [string, Kind])[] = [
  ['manifests', { pathOf: () => 'manifests/v1', stall: stallUpstream }],
  ['tokens', { pathOf: () => 'manifests/v1', stall: stallTokens }],
  ['lists', { pathOf: () => 'tags/list', stall: stallUpstream }],
  ['sizes of blobs', { method: 'HEAD', pathOf: ({ digest }) => `blobs/${digest}`, stall: stallUpstream }],
];

async function setUp() {
  const tokens = await stage.tokens();
  const upstream = await stage.upstream({ tokens });
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  upstream.registry.setTag('team/app', 'old', image.digest);
  const layer = upstream.registry.addBlob('cold/n0', 'a layer that nobody has pulled');
  const manifest = imageManifest(layer, [layer]);
  const repositories = Array.from({ length: crowd }, (_, n) => `cold/n${n}`);
  for (const repository of repositories) {
    upstream.registry.addBlob(repository, layer);
    upstream.registry.addManifest(repository, manifest, { tag: 'v1' });
  }
  // Nobody waits for a check that does not end.
  const entry = { tags: [{ match: 'old', ttl: '0s' }], checkTimeout: '1d' };
  const mirror = await stage.mirror([{ upstream, name: mainName, ...entry }]);
  const hits = ['manifests/latest', 'manifests/old', `manifests/${image.digest}`, `blobs/${image.config.digest}`];
  const pullHits = () => Promise.all(hits.map((path) => pull(mirror.address, `/v2/team/app/${path}`)));
  for (const hit of await pullHits()) expect(hit.status).toBe(200);
  return { tokens, upstream, mirror, layer, repositories, pullHits };
}

describe('more questions than an upstream that stalls may have', () => {
  test.each(kinds)(
    'about %s are refused at once, the others wait, hits go on',
    async (_name, kind) => {
      const { tokens, upstream, mirror, layer, repositories, pullHits } = await setUp();
      const gate = createGate();
      kind.stall(upstream, tokens, gate);
      const ask = (repository: string) =>
        startPull(mirror.address, `/v2/${repository}/${kind.pathOf(layer)}`, { method: kind.method ?? 'GET' });
      const early: Pulled[] = [];
      const running = repositories.map(async (repository) => {
        const pulled = await ask(repository).done;
        early.push(pulled);
        return { repository, pulled };
      });
      await pollUntil(() => early.length === crowd - places);
      for (const refused of early) {
        if (kind.method === undefined) expectError(refused, 503, 'UNAVAILABLE');
        expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
      }
      const [fresh, old, ...others] = await pullHits();
      for (const hit of [fresh, old, ...others]) expect(hit?.status).toBe(200);
      expect(early).toHaveLength(crowd - places);
      gate.open();
      const all = await Promise.all(running);
      expect(all.filter(({ pulled }) => pulled.status === 200)).toHaveLength(places);
      for (const { repository, pulled } of all) {
        if (pulled.status !== 200) expect(await ask(repository).done).toMatchObject({ status: 200 });
      }
    },
    60_000,
  );

  test('leave a tag that is due stale, and are no check of it', async () => {
    const { upstream, mirror, repositories, pullHits } = await setUp();
    const gate = createGate();
    upstream.always({}, { hold: gate });
    const running = repositories.map((repository) => pull(mirror.address, `/v2/${repository}/manifests/v1`));
    await Promise.race(running);
    const [, old] = await pullHits();
    expect(old).toMatchObject({ status: 200, headers: { 'cache-status': expect.stringContaining('stale') } });
    expect(old?.headers['warning']).toContain('the tag may have moved');
    gate.open();
    await Promise.all(running);
    const [, checked] = await pullHits();
    expect(checked?.headers['cache-status']).toContain('revalidated');
  }, 60_000);
});
