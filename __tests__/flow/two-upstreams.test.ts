// Story: what one upstream lacks is asked of no other: a private name is nobody else's business.
import { expect, test } from '@jest/globals';
import { mainName, setStage } from '../support/flow.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure } from '../support/warm.ts';

const stage = setStage();

test('a name that one upstream lacks, or is too ill to give, is not looked for at another', async () => {
  const inner = await stage.upstream();
  const outer = await stage.upstream();
  const planted = outer.registry.addImage('corp/app', 'v1', ['what somebody has put there under that name']);
  const mirror = await stage.mirror([
    { upstream: inner, name: mainName, negativeTtl: '1ms' },
    { upstream: outer, name: 'outer.test' },
  ]);
  const [layer] = planted.layers;
  const targets = ['manifests/v1', `manifests/${planted.digest}`, `blobs/${layer?.digest}`, 'tags/list'];
  const askAll = (query: string): Promise<readonly Pulled[]> =>
    Promise.all(targets.map((target) => pull(mirror.address, `/v2/corp/app/${target}${query}`)));
  for (const query of ['', `?ns=${mainName}`]) {
    for (const { status } of await askAll(query)) expect(status).toBe(404);
  }
  const illness = inner.always({}, { status: 500, body: '{}' });
  for (const pulled of await askAll('')) expectFailure(pulled);
  illness.remove();
  await inner.down();
  for (const pulled of await askAll('')) expectFailure(pulled);
  expect(outer.requests).toEqual([]);
  await inner.up();
  // Public bytes are one thing, wherever they came from: but the name has to be known where it is asked for.
  expect((await pull(mirror.address, '/v2/corp/app/manifests/v1?ns=outer.test')).digest).toBe(planted.digest);
  await pollUntil(async () => (await pull(mirror.address, '/v2/corp/app/manifests/v1')).status === 404);
});
