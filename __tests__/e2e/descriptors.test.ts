// Story: a mirror without descriptors says so, stays alive, blames no upstream, and goes on when there are some again.
import { afterEach, expect, test } from '@jest/globals';
import { Agent } from 'node:http';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { describeWith } from './support/describe-with.ts';
import { diskTools, setDiskFaults } from './support/disk-faults.ts';
import {
  pathOf,
  pullBlob,
  storeErrors,
  untilDegraded,
  untilHit,
  untilSettled,
  untilWell,
} from './support/disk-stage.ts';
import { run } from './support/tools.ts';

const cached = createSeededContent('descriptors cached', 2_000_000);
const fresh = createSeededContent('descriptors fresh', 2_000_000);
const manifest = '/v2/team/app/manifests/latest';

describeWith({ programs: diskTools, root: true }, 'a mirror without descriptors', () => {
  const agents: Agent[] = [];
  // Before the stage asks whether any client is left.
  afterEach(() => {
    for (const agent of agents.splice(0)) agent.destroy();
  });
  const stage = setStage();
  const disks = setDiskFaults();

  async function setUp(more: { readonly under?: readonly string[] } = {}) {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', [cached, fresh]);
    const mirror = await stage.mirror(upstream, {}, {}, more);
    await untilHit(mirror, pathOf(cached));
    return { upstream, image, mirror };
  }

  /** A connection that is there already, for when none can be accepted. */
  async function connectTo(mirror: MirrorProcess): Promise<Agent> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    expect((await pull(mirror.address, '/v2/', { agent })).status).toBe(200);
    return agent;
  }

  test('answers 503 with Retry-After on the connections it has, and recovers', async () => {
    const { mirror, image, upstream } = await setUp();
    const agent = await connectTo(mirror);
    const askAll = async (): Promise<readonly Pulled[]> => {
      const answers: Pulled[] = [];
      for (const path of [pathOf(fresh), pathOf(cached), manifest, '/v2/team/app/tags/list']) {
        answers.push(await pull(mirror.address, path, { agent }));
      }
      return answers;
    };
    upstream.reset();
    // Pooled connections upstream would be used, which need no descriptor.
    await upstream.down();
    await upstream.up();
    await run('prlimit', ['--pid', String(mirror.pid), '--nofile=8:']);
    for (let n = 0; n < 6; n += 1) {
      for (const answer of await askAll()) {
        // What is in memory, or open, is served all the same.
        if (answer.status === 200) expect([cached.digest, image.digest]).toContain(answer.digest);
        else {
          expectError(answer, 503, 'UNAVAILABLE');
          expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        }
      }
    }
    await run('prlimit', ['--pid', String(mirror.pid), '--nofile=1024:']);
    // At once: no breaker has opened.
    expectWhole(await pull(mirror.address, pathOf(fresh), { agent }), fresh);
    expect(await pull(mirror.address, manifest)).toMatchObject({ status: 200, digest: image.digest });
    await untilWell(mirror);
    await untilHit(mirror, pathOf(fresh));
  });

  test('serves what it can when it has few and many come at once', async () => {
    const { mirror } = await setUp({ under: ['prlimit', '--nofile=128:128'] });
    const pulls = Array.from({ length: 150 }, (_, n) => pullBlob(mirror, n % 2 === 0 ? fresh : cached));
    let whole = 0;
    for (const pulled of await Promise.all(pulls)) {
      if (pulled.status === 200 && pulled.isComplete) {
        expect([fresh.digest, cached.digest]).toContain(pulled.digest);
        whole += 1;
      } else if (pulled.status !== 0) {
        expect(pulled.status).toBe(503);
        expect(Number(pulled.headers['retry-after'])).toBeGreaterThan(0);
      }
    }
    expect(whole).toBeGreaterThanOrEqual(16);
    await untilSettled(mirror);
    expectWhole(await pullBlob(mirror, fresh), fresh);
    expectWhole(await pullBlob(mirror, cached), cached);
    await untilWell(mirror);
  });

  test('passes cold blobs through when no file can be opened', async () => {
    const { mirror, image } = await setUp();
    const before = await storeErrors(mirror);
    const stop = await disks.inject(mirror.pid, { calls: ['openat'], effect: 'error=EMFILE' });
    expectWhole(await pullBlob(mirror, fresh), fresh);
    expectWhole(await pullBlob(mirror, cached), cached);
    expect(await pull(mirror.address, manifest)).toMatchObject({ status: 200, digest: image.digest });
    await untilDegraded(mirror);
    expect(await storeErrors(mirror)).toBeGreaterThan(before);
    await stop();
    await untilWell(mirror);
    await untilHit(mirror, pathOf(fresh));
  });
});
