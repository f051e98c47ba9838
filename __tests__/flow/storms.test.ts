// Story: many clients and an upstream that is half there: they cost it little, and each other nothing.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, startPull, type Pulled } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, path, setUpWarm } from '../support/warm.ts';

const stage = setStage();

describe('fifty clients of one stale tag', () => {
  test('cost one check, and get the tag as it has become', async () => {
    const { upstream, mirror, ask } = await setUpWarm(stage);
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    const gate = createGate();
    upstream.once({ method: 'HEAD' }, { hold: gate });
    const all = Array.from({ length: 50 }, () => ask());
    await gate.reached;
    await pollUntil(
      async () => ((await readMetric(mirror.adminAddress, 'stowage_client_connections')) ?? 0) >= all.length,
    );
    gate.open();
    for (const pulled of await Promise.all(all)) expect(pulled.digest).toBe(moved.digest);
    expect(upstream.find({ method: 'GET' })).toHaveLength(1);
    // Tags are old after a millisecond here: whose request is read only when the check is over begins another.
    expect(upstream.find({ method: 'HEAD', path }).length).toBeLessThanOrEqual(10);
  });
});

describe('an upstream that fails every other request', () => {
  test('is asked no more than twice for what clients ask for', async () => {
    const { upstream, mirror } = await setUpWarm(stage);
    let n = 0;
    const flapping = upstream.always({ when: () => (n += 1) % 2 === 0 }, { status: 503, body: '{}' });
    const count = 60;
    const answers: Pulled[] = [];
    for (let i = 0; i < count; i++) {
      const image = upstream.registry.addImage('team/app', `flap-${i}`, [`layer ${i}`]);
      const pulled = await pull(mirror.address, `/v2/team/app/manifests/flap-${i}`);
      answers.push(pulled);
      if (pulled.status === 200) expect(pulled.digest).toBe(image.digest);
      else expectFailure(pulled);
    }
    expect(upstream.find({ path: '/manifests/' }).length).toBeLessThanOrEqual(2 * count);
    flapping.remove();
    await pollUntil(async () => (await pull(mirror.address, '/v2/team/app/manifests/flap-1')).status === 200);
    expect(answers).toHaveLength(count);
  });
});

describe('downloads that stand still', () => {
  test('in every connection for blobs keep no manifest waiting, nor a token', async () => {
    const tokens = await stage.tokens({ lifetimeS: 60 });
    const upstream = await stage.upstream({ tokens });
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    const fill = { maxConnections: 1, maxUpstreamConnections: 4, idleTimeout: '20s', resumeFor: '20s' };
    const mirror = await stage.mirror([{ upstream, name: mainName }], { fill });
    const gate = createGate();
    upstream.times(4, { ...blobGets, hasAuthorization: true }, { hold: gate });
    const blobs = Array.from({ length: 6 }, (_, i) => createSeededContent(`stands still ${i}`, 3_000_000));
    for (const blob of blobs) upstream.registry.addBlob('team/app', blob);
    const pulls = blobs.map((blob) => startPull(mirror.address, `/v2/team/app/blobs/${blob.digest}`));
    await upstream.untilRequests({ ...blobGets, hasAuthorization: true }, 4);
    expect(await pull(mirror.address, path)).toMatchObject({ status: 200, digest: image.digest });
    tokens.expireAll();
    upstream.registry.addImage('team/other', 'latest', ['layer']);
    expect((await pull(mirror.address, '/v2/team/other/manifests/latest')).status).toBe(200);
    gate.open();
    for (const [i, blob] of blobs.entries()) {
      const pulled = await pulls[i]?.done;
      if (pulled !== undefined) expectWhole(pulled, blob);
    }
  });
});

describe('a connection that upstream has closed meanwhile', () => {
  test.each(['FIN', 'RST'] as const)('by %s costs one more request, and the client nothing', async (refuse) => {
    const { upstream, ask, mirror } = await setUpWarm(stage);
    expect((await ask()).status).toBe(200);
    const [first] = upstream.requests;
    const lost = upstream.once({ when: (request) => request.connection === first?.connection }, { refuse });
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    const pulled = await ask();
    expect(lost.used).toBe(1);
    expect(pulled).toMatchObject({ status: 200, digest: moved.digest });
    expect(pulled.headers['warning']).toBeUndefined();
    const cold = upstream.registry.addBlob('team/app', 'a cold blob');
    expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${cold.digest}`), cold);
  });

  test('while the mirror was suspended is no outage', async () => {
    const { upstream, ask, mirror } = await setUpWarm(stage);
    expect((await ask()).status).toBe(200);
    mirror.signal('SIGSTOP');
    const waiting = ask();
    await upstream.down();
    await upstream.up();
    mirror.signal('SIGCONT');
    const pulled = await waiting;
    expect(pulled.status).toBe(200);
    expect(pulled.headers['warning']).toBeUndefined();
  });
});
