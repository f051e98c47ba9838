// Story: whatever the wall clock shows, what is known stays known, and nothing is believed for ever.
import { afterEach, describe, expect, test } from '@jest/globals';
import { createFakeTime, findFakeTimeLibrary, type FakeTime } from '../support/fake-time.ts';
import { mainName, setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';

const hourMs = 3_600_000;
const jumps: readonly (readonly [string, (nowMs: number) => number])[] = [
  ['an hour ahead', (nowMs) => nowMs + hourMs],
  ['an hour back', (nowMs) => nowMs - hourMs],
  ['to 1970', () => 86_400_000],
  ['to 2100', () => Date.UTC(2100, 0)],
];
const path = '/v2/team/app/manifests/latest';
const library = findFakeTimeLibrary();
const describeWithLibrary = library === undefined ? describe.skip : describe;
const missing = library === undefined ? ' (missing: libfaketime)' : '';

const stage = setStage();
let time: FakeTime | undefined;

// Runs after the stage's, as it is defined after it: the mirror has ended by then.
afterEach(async () => {
  time?.reset();
  await time?.close();
  time = undefined;
});

async function setUp(more: Readonly<Record<string, unknown>>) {
  const clock = await createFakeTime();
  time = clock;
  const tokens = await stage.tokens({ lifetimeS: 300 });
  const upstream = await stage.upstream({ tokens });
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  const mirror = await stage.mirror([{ upstream, name: mainName, ...more }], {}, clock.env);
  expect((await pull(mirror.address, path)).digest).toBe(image.digest);
  return { clock, tokens, upstream, image, mirror };
}

/** What the clock of the process showed when it wrote its last line. */
function lastTimeOf(output: string): number {
  const times = [...output.matchAll(/"time":"?([^",}]+)/g)].map(([, text = '']) => text);
  const last = times.at(-1) ?? '';
  return /^\d+$/.test(last) ? Number(last) : Date.parse(last);
}

describeWithLibrary(`when the wall clock jumps${missing}`, () => {
  test.each(jumps)('%s, a fresh tag stays fresh and a token good', async (_name, target) => {
    const { clock, tokens, upstream, image, mirror } = await setUp({ tagTtl: '1h' });
    clock.setWall(target(Date.now()));
    const asked = upstream.requests.length;
    const pulled = await pull(mirror.address, path);
    expect(pulled).toMatchObject({ status: 200, digest: image.digest });
    expect(pulled.headers['cache-status']).toBe('stowage; hit');
    expect(Number(pulled.headers['age'])).toBeLessThan(60);
    expect(upstream.requests).toHaveLength(asked);
    await pollUntil(() => Math.abs(lastTimeOf(mirror.output) - target(Date.now())) < 60_000);
    upstream.registry.setTag('team/app', 'unseen', image.digest);
    expect((await pull(mirror.address, '/v2/team/app/manifests/unseen')).status).toBe(200);
    expect(tokens.requests.length).toBeLessThanOrEqual(2);
  });

  test.each(jumps)('%s, an old tag is checked, and served stale in an outage', async (_name, target) => {
    const { clock, upstream, image, mirror } = await setUp({ tagTtl: '1ms', staleIfError: '1h' });
    clock.setWall(target(Date.now()));
    expect((await pull(mirror.address, path)).headers['cache-status']).toBe('stowage; hit; detail=revalidated');
    await upstream.down();
    const stale = await pull(mirror.address, path);
    expect(stale).toMatchObject({ status: 200, digest: image.digest });
    expect(stale.headers['warning']).toMatch(/^299 - "/);
    expect(Number(stale.headers['age'])).toBeLessThan(60);
    await upstream.up();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    await pollUntil(async () => (await pull(mirror.address, path)).digest === moved.digest);
  });

  test.each(jumps)('%s while the mirror is stopped, a tag is served without upstream', async (_name, target) => {
    const { clock, upstream, image, mirror } = await setUp({ tagTtl: '1s', staleIfError: 'forever' });
    expect(await mirror.terminate()).toBe(0);
    clock.setWall(target(Date.now()));
    await upstream.down();
    await mirror.start();
    expect(await pull(mirror.address, path)).toMatchObject({ status: 200, digest: image.digest });
    await upstream.up();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    await pollUntil(async () => (await pull(mirror.address, path)).digest === moved.digest);
  });
});
