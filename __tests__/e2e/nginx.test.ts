// Story: nginx stands in front, with a cache and few connections that it uses for everybody: each client gets its own answer,
// and what may change, or is not for everybody, is kept by nobody but the mirror.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { startNginx } from '../support/bench/nginx.ts';
import { mainName, setStage } from '../support/flow.ts';
import { ambiguousShapes } from '../support/ambiguous-requests.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { basic, pull } from '../support/raw-client.ts';
import { exchangeRaw, hasWholeAnswer } from '../support/raw-exchange.ts';
import { pollUntil } from '../support/signal.ts';
import { describeWith } from './support/describe-with.ts';

describeWith({ programs: ['nginx'] }, 'behind nginx', () => {
  const ends: (() => Promise<unknown>)[] = [];
  // Before the stage asks whether any client is left.
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });
  const stage = setStage();

  async function startInFront({ address, cachePath }: Pick<MirrorProcess, 'address' | 'cachePath'>) {
    const directory = join(dirname(cachePath), 'nginx');
    const { url, daemon } = await startNginx({ directory, upstreamUrl: address });
    ends.push(async () => await daemon?.stop());
    return { url, readAccessLog: () => readFile(join(directory, 'access.log'), 'utf8') };
  }

  /** Requests that reached the mirror, by a word of their log lines. */
  const countRequests = ({ output }: MirrorProcess, word: string): number =>
    output.split('\n').filter((line) => line.includes('"msg":"request"') && line.includes(word)).length;

  test('a request of unclear end is nobody else’s answer', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', ['a layer']);
    const mirror = await stage.mirror(upstream);
    const { url, readAccessLog } = await startInFront(mirror);
    const smuggled = 'GET /v2/team/smuggled/manifests/latest HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n';
    for (const [name, rest] of ambiguousShapes) {
      await exchangeRaw(url, `GET /v2/ HTTP/1.1\r\nHost: m\r\n${rest(smuggled)}`, hasWholeAnswer);
      for (const path of ['manifests/latest', `blobs/${image.layers[0]?.digest}`, 'manifests/latest']) {
        const { status, digest } = await pull(url, `/v2/team/app/${path}`);
        const own = path === 'manifests/latest' ? image.digest : image.layers[0]?.digest;
        expect([name, path, status, digest]).toEqual([name, path, 200, own]);
      }
    }
    // What nginx took for a request of its own, it sent as one; nothing came to the mirror in the belly of another.
    const isSame = async (): Promise<boolean> =>
      countRequests(mirror, 'team/smuggled') === (await readAccessLog()).split('GET /v2/team/smuggled').length - 1;
    await pollUntil(isSame, { what: 'as many requests at the mirror as at nginx' });
  });

  test('its cache keeps what is public and never changes, and nothing else', async () => {
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/closed'] });
    const upstream = await stage.upstream({ tokens });
    const first = upstream.registry.addImage('team/app', 'moving', ['the first layer']);
    const closed = upstream.registry.addBlob('team/closed', 'a closed layer');
    const login = { username: 'someone', passwordEnv: 'PLANTED', authHosts: [`127.0.0.1:${tokens.port}`] };
    const quick = { tagTtl: '1ms', negativeTtl: '1ms' };
    const mirror = await stage.mirror(
      [
        { upstream, name: mainName, ...quick },
        { upstream, name: 'private.test', shareCredentials: true, ...login },
      ],
      {},
      { PLANTED: 'planted-password' },
    );
    const { url } = await startInFront(mirror);
    const digestOf = async (path: string): Promise<string> => (await pull(url, path)).digest;
    const tag = '/v2/team/app/manifests/moving';
    const layer = first.layers[0]?.digest ?? '';

    expect(await digestOf(tag)).toBe(first.digest);
    for (let time = 0; time < 2; time += 1) expect(await digestOf(`/v2/team/app/blobs/${layer}`)).toBe(layer);
    await pollUntil(() => countRequests(mirror, layer) > 0);
    const second = upstream.registry.addImage('team/app', 'moving', ['the second layer']);
    expect(await digestOf(tag)).toBe(second.digest);
    expect(await digestOf(`/v2/team/app/blobs/${second.layers[0]?.digest}`)).toBe(second.layers[0]?.digest);
    expect(countRequests(mirror, layer)).toBe(1);

    const absent = '/v2/team/app/manifests/latest.css';
    expect((await pull(url, absent)).status).toBe(404);
    upstream.registry.setTag('team/app', 'latest.css', second.digest);
    await pollUntil(async () => (await digestOf(absent)) === second.digest, { what: 'the tag that was pushed' });

    const hidden = `/v2/team/closed/blobs/${closed.digest}`;
    for (let time = 0; time < 2; time += 1) expect(await digestOf(`${hidden}?ns=private.test`)).toBe(closed.digest);
    await pollUntil(() => countRequests(mirror, closed.digest) === 2, { what: 'both to ask the mirror' });
    expect((await pull(url, hidden)).status).toBe(404);
  });

  test('its cache, which does not look at logins, keeps nothing of a mirror with accounts', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', ['a layer']);
    const directory = await mkdtemp(join(tmpdir(), 'stowage-nginx-'));
    ends.push(async () => await rm(directory, { recursive: true }));
    const file = join(directory, 'htpasswd');
    await writeFile(file, `alice:${hashSync('wonderland', 6)}\n`);
    const login = 'alice:wonderland';
    const mirror = await stage.mirror(upstream, { clients: { accounts: { file } } }, {}, { login });
    const { origin } = new URL(mirror.address);
    const { url } = await startInFront({ address: origin, cachePath: mirror.cachePath });
    const headers = { authorization: basic('alice', 'wonderland') };
    for (const path of [`manifests/${image.digest}`, `blobs/${image.layers[0]?.digest}`]) {
      const target = `/v2/team/app/${path}`;
      for (let time = 0; time < 2; time += 1) expect((await pull(url, target, { headers })).status).toBe(200);
      expect((await pull(url, target)).status).toBe(401);
    }
  });
});
