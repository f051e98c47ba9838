// Story: the upstream's certificate is not valid: nothing is fetched from it, and what is cached is served.
import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakeTime, findFakeTimeLibrary, type FakeTime } from '../support/fake-time.ts';
import { mainName, setStage } from '../support/flow.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { expectFailure, expectStale, path, unseen } from '../support/warm.ts';

const stage = setStage();
const ends: (() => Promise<void>)[] = [];
const isMissing = findFakeTimeLibrary() === undefined;

// Runs after the stage's, as it is defined after it: the mirror has ended by then.
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function setUp(hostname: string, time?: FakeTime) {
  const upstream = await stage.upstream();
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  const front = await startTlsFront(upstream.port, hostname);
  const entry = { name: 'secure.test', url: `https://${hostname}:${front.port}`, tls: { caFile: front.caFile } };
  const mirror = await stage.mirror(
    [
      { upstream, name: mainName },
      { upstream, tagTtl: '1ms', staleIfError: 'forever', ...entry },
    ],
    {},
    time?.env ?? {},
  );
  ends.push(() => front.close());
  const ask = (target = path): Promise<Pulled> => pull(mirror.address, `${target}?ns=secure.test`);
  return { upstream, image, front, mirror, ask };
}

(isMissing ? describe.skip : describe)(`a certificate${isMissing ? ' (missing: libfaketime)' : ''}`, () => {
  test.each([
    ['is over', Date.UTC(2130, 0)],
    ['has not begun', Date.UTC(2020, 0)],
  ])('whose time %s is as good as an outage, and the log is loud', async (_name, wallMs) => {
    const time = await createFakeTime();
    ends.push(() => time.close());
    const { upstream, image, mirror, ask } = await setUp('127.0.0.1', time);
    expect((await ask()).digest).toBe(image.digest);
    const asked = upstream.requests.length;
    await mirror.terminate();
    time.setWall(wallMs);
    await mirror.start();
    expectStale(await ask(), image.digest);
    expectFailure(await ask(unseen));
    expect(upstream.requests).toHaveLength(asked);
    await pollUntil(() => /"level":"error".*certificate/.test(mirror.output));
    await mirror.terminate();
    time.reset();
    await mirror.start();
    expect((await ask()).headers['warning']).toBeUndefined();
  });
});

describe('a certificate', () => {
  test('for another name is not taken, and not tried again and again', async () => {
    const { upstream, image, front, mirror, ask } = await setUp('127.0.0.2');
    expectFailure(await ask());
    expect(front.handshakes).toBe(1);
    // A blob is asked for a few times, since one of several addresses may be well; the client hears of it within seconds.
    const { layers } = image;
    expectFailure(await ask(`/v2/team/app/blobs/${layers[0]?.digest}`));
    expect(front.handshakes).toBeLessThanOrEqual(5);
    expect(upstream.requests).toHaveLength(0);
    await pollUntil(() => /"level":"error".*certificate/.test(mirror.output));
  });
});
