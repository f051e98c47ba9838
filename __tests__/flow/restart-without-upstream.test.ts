// Story: the mirror starts while upstream is away: what it had, it has.
import { describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { expectFailure, expectStale, setUpWarm, unseen } from '../support/warm.ts';

const stage = setStage();

describe('a mirror that starts while upstream is dead', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)('after %s serves tags and blobs, and is ready', async (signal) => {
    const { upstream, image, mirror, layer, ask, untilSeen } = await setUpWarm(stage);
    // Facts are written a little later than they are served.
    if (signal === 'SIGKILL') {
      await mirror.terminate();
      await mirror.start();
      await mirror.kill();
    } else expect(await mirror.terminate()).toBe(0);
    await upstream.down();
    await mirror.start();
    expect((await pull(mirror.adminAddress, '/readyz')).status).toBe(200);
    for (let n = 0; n < 7; n++) expectStale(await ask(), image.digest);
    expect((await ask(layer)).headers['cache-status']).toBe('stowage; hit');
    expectFailure(await ask(unseen));
    await upstream.up();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    await untilSeen(moved.digest);
  });

  test('believes a tag that was checked not long ago without asking, as before', async () => {
    const { upstream, image, mirror, ask } = await setUpWarm(stage, { entry: { tagTtl: '1h' } });
    await mirror.terminate();
    await upstream.down();
    await mirror.start();
    const pulled = await ask();
    expect(pulled).toMatchObject({ status: 200, digest: image.digest });
    expect(pulled.headers['cache-status']).toBe('stowage; hit');
  });
});

describe('a mirror whose upstream has no address', () => {
  test('serves tags and blobs, and calls nothing absent', async () => {
    const { image, mirror, layer, ask, upstream } = await setUpWarm(stage);
    await mirror.terminate();
    const file = join(dirname(mirror.cachePath), 'mirror.config.yaml');
    const config = await readFile(file, 'utf8');
    await writeFile(file, config.replace(upstream.url, 'http://registry.invalid:5000'));
    await mirror.start();
    for (let n = 0; n < 3; n++) expectStale(await ask(), image.digest);
    expect((await ask(layer)).status).toBe(200);
    expectFailure(await ask(unseen));
    await mirror.terminate();
    await writeFile(file, config);
    await mirror.start();
    expect((await ask()).headers['warning']).toBeUndefined();
  });
});
