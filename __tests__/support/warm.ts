// A mirror that has pulled an image already, for stories about what happens to it later.
import { expect } from '@jest/globals';
import { mainName, type Stage } from './flow.ts';
import { readMetric } from './metrics.ts';
import { pull, type Pulled } from './raw-client.ts';
import { pollUntil } from './signal.ts';
import type { TokenServerOptions } from './token-server.ts';

export const path = '/v2/team/app/manifests/latest';
/** A tag of the same repository that nobody has pulled and upstream does not have. */
export const unseen = '/v2/team/app/manifests/unseen';

export interface WarmOptions {
  /** Keys of the upstream's entry. Default: a tag is checked at every pull. */
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly tokens?: TokenServerOptions;
}

/** The image's tag and its one layer lie in the cache; the upstream's records begin after that. */
export async function setUpWarm(stage: Stage, { entry = {}, tokens: tokenOptions }: WarmOptions = {}) {
  const tokens = tokenOptions && (await stage.tokens(tokenOptions));
  const upstream = await stage.upstream(tokens && { tokens });
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  const mirror = await stage.mirror([{ upstream, name: mainName, tagTtl: '1ms', ...entry }]);
  const layer = `/v2/team/app/blobs/${image.layers[0]?.digest}`;
  const ask = (target = path): Promise<Pulled> => pull(mirror.address, target);
  expect((await ask()).digest).toBe(image.digest);
  expect((await ask(layer)).status).toBe(200);
  // Until its fill has ended, a pull of the layer would follow that.
  await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0);
  upstream.reset();
  tokens?.reset();
  /** Waits until the tag is served from upstream's word again. */
  const untilSeen = (digest: string): Promise<void> =>
    pollUntil(async () => {
      const pulled = await ask();
      expect(pulled.status).toBe(200);
      return pulled.digest === digest && pulled.headers['warning'] === undefined;
    });
  return { tokens, upstream, image, mirror, layer, ask, untilSeen };
}

/** The cached answer, with the words that say so. */
export function expectStale(pulled: Pulled, digest: string): void {
  expect(pulled).toMatchObject({ status: 200, digest, isComplete: true });
  expect(pulled.headers['cache-status']).toBe('stowage; hit; detail=stale');
  expect(pulled.headers['warning']).toMatch(/^299 - ".+"$/);
  expect(pulled.headers['age']).toMatch(/^\d+$/);
}

/** No 200 and no 404: a failure that passes. */
export function expectFailure(pulled: Pulled): void {
  expect([429, 502, 503, 504]).toContain(pulled.status);
  expect(Number(pulled.headers['retry-after'])).toBeGreaterThan(0);
}
