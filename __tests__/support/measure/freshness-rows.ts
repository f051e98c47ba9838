// Tags while upstream is well, busy, silent, dead, or does not like us.
import { jsonOf, pull, type Pulled } from '../raw-client.ts';
import type { RemoteFault, RemoteUpstream } from '../remote-upstream.ts';
import type { UpstreamProcessOptions } from '../upstream-process.ts';
import { isRight, seconds, sleep, type Bench, type Row } from './bench.ts';

const path = '/v2/team/app/manifests/latest';
const unknown = '/v2/team/app/manifests/unknown';
const manifests = { path: '/manifests/' } as const;
const silence: RemoteFault = { isSilent: true };
type Config = Readonly<Record<string, unknown>>;

/** A mirror that has pulled an image, its layer too. */
async function setUpWarm(bench: Bench, cache: Config, options: UpstreamProcessOptions = {}) {
  const upstream = await bench.upstream(options);
  const image = await upstream.addImage('team/app', 'latest', ['a layer']);
  const mirror = await bench.mirror(upstream, { cache: { checkTimeout: '2s', ...cache } });
  const ask = (target = path): Promise<Pulled> => pull(mirror.address, target);
  const layer = image.layers[0]?.digest ?? '';
  const layerPath = `/v2/team/app/blobs/${layer}`;
  const warm = [await ask(), await ask(layerPath)];
  if (!warm.every(({ status }) => status === 200)) throw new Error('the cache did not become warm');
  return { upstream, image, mirror, ask, layer, layerPath };
}

function isStale(pulled: Pulled, digest: string): boolean {
  const { warning = '', age = '' } = pulled.headers;
  return isRight(pulled, digest) && warning.startsWith('299 - "') && /^\d+$/.test(age);
}

/** Requests for manifests since the last call. */
function createCounter(upstream: RemoteUpstream): () => Promise<number> {
  let before = 0;
  return async () => {
    const all = (await upstream.find(manifests)).length;
    const since = all - before;
    before = all;
    return since;
  };
}

/** An outage: the first stale answers, then those after the breaker has opened. */
function outageRow(name: string, breakIt: (upstream: RemoteUpstream) => Promise<void>, withTokens = false): Row {
  return {
    name,
    bar: 'warm tag 200 in < 3 s, < 50 ms once the breaker is open',
    async run(bench) {
      const options = withTokens ? { tokens: { lifetimeS: 600 } } : {};
      const { upstream, image, ask } = await setUpWarm(bench, { tagTtl: '1ms' }, options);
      await breakIt(upstream);
      const all: Pulled[] = [];
      for (let n = 0; n < 20; n++) all.push(await ask());
      const slowest = Math.max(...all.map(({ totalMs }) => totalMs));
      const later = Math.max(...all.slice(10).map(({ totalMs }) => totalMs));
      const right = all.filter((pulled) => isStale(pulled, image.digest)).length;
      return {
        passes: right === all.length && slowest < 3000 && later < 50,
        figures: `${right} of ${all.length} stale; slowest ${seconds(slowest)}, of the last ten ${later.toFixed(1)} ms`,
      };
    },
  };
}

export const freshnessRows: readonly Row[] = [
  {
    name: '50 clients, one cold tag, 100 ms upstream; 50 clients, one stale tag',
    bar: '<= 2 upstream manifest requests each',
    async run(bench) {
      const upstream = await bench.upstream();
      const image = await upstream.addImage('team/app', 'latest', ['a layer']);
      await upstream.script({}, { delayMs: 100 });
      const mirror = await bench.mirror(upstream, { cache: { tagTtl: '1s' } });
      const count = createCounter(upstream);
      const storm = (): Promise<Pulled[]> => Promise.all(Array.from({ length: 50 }, () => pull(mirror.address, path)));
      const rightOf = (all: readonly Pulled[]): number => all.filter((pulled) => isRight(pulled, image.digest)).length;
      const cold = rightOf(await storm());
      const coldRequests = await count();
      await sleep(1200);
      const stale = rightOf(await storm());
      const staleRequests = await count();
      return {
        passes: cold === 50 && stale === 50 && coldRequests <= 2 && staleRequests <= 2,
        figures: `cold ${coldRequests} requests, ${cold} right; stale ${staleRequests} requests, ${stale} right`,
      };
    },
  },
  {
    name: '200 pulls by tag of a warm image over four TTLs, Hub-like limits',
    bar: 'at most 1 counted pull spent',
    async run(bench) {
      const limits = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '50;w=21600' };
      const upstream = await bench.upstream({ tokens: { lifetimeS: 300 } });
      const image = await upstream.addImage('team/app', 'latest', ['a layer']);
      await upstream.script(manifests, { headers: limits });
      const mirror = await bench.mirror(upstream, { cache: { tagTtl: '1s' } });
      let right = 0;
      for (let n = 0; n < 200; n++) {
        if (isRight(await pull(mirror.address, path), image.digest)) right += 1;
        await sleep(21);
      }
      const counted = (await upstream.find({ method: 'GET', ...manifests })).filter(({ status }) => status === 200);
      const heads = (await upstream.find({ method: 'HEAD', ...manifests })).filter(({ status }) => status === 200);
      return {
        passes: right === 200 && counted.length <= 1,
        figures: `${right} right; ${counted.length} counted (the first pull's too), ${heads.length} free checks`,
      };
    },
  },
  {
    name: '429 upstream: cached tag; unknown tag; the next 10 pulls',
    bar: '200 stale with Warning; 429 with Retry-After; <= 2 upstream calls',
    async run(bench) {
      const { upstream, image, ask } = await setUpWarm(bench, { tagTtl: '1ms' });
      await upstream.script({}, { status: 429, body: 'slow down', headers: { 'retry-after': '30' } });
      const count = createCounter(upstream);
      await count();
      const cached = await ask();
      const refused = await ask(unknown);
      const next: Pulled[] = [];
      for (let n = 0; n < 10; n++) next.push(await ask(n % 2 === 0 ? path : unknown));
      const calls = await count();
      const wait = Number(refused.headers['retry-after']);
      const isKept = next.every((pulled, n) => (n % 2 === 0 ? isStale(pulled, image.digest) : pulled.status === 429));
      return {
        passes: isStale(cached, image.digest) && refused.status === 429 && wait > 0 && isKept && calls <= 2,
        figures: `cached ${cached.status} stale ${isStale(cached, image.digest)}; unknown ${refused.status} after ${wait} s; next 10 likewise ${isKept}; ${calls} calls`,
      };
    },
  },
  outageRow('upstream dead (closed port)', (upstream) => upstream.down()),
  outageRow('upstream silent (accepts, never answers)', (upstream) => upstream.script({}, silence)),
  outageRow(
    'upstream silent: its token service hangs',
    async (upstream) => {
      await upstream.expireTokens();
      await upstream.script({}, silence, { target: 'tokens' });
    },
    true,
  ),
  {
    name: 'upstream dead at start',
    bar: 'warm tag and blob served',
    async run(bench) {
      const { upstream, image, mirror, ask, layer, layerPath } = await setUpWarm(bench, { tagTtl: '1ms' });
      await mirror.terminate();
      await upstream.down();
      await mirror.start();
      const tag = await ask();
      const blob = await ask(layerPath);
      return {
        passes: isRight(tag, image.digest) && isRight(blob, layer) && tag.totalMs < 3000,
        figures: `tag ${tag.status} in ${seconds(tag.totalMs)}, blob ${blob.status}`,
      };
    },
  },
  {
    name: 'upstream silent, a tag that is not in the cache',
    bar: '504 within 31 s',
    async run(bench) {
      const { upstream, ask } = await setUpWarm(bench, { tagTtl: '1h' });
      await upstream.script({}, silence);
      const pulled = await ask(unknown);
      return {
        passes: pulled.status === 504 && pulled.totalMs < 31_000,
        figures: `${pulled.status} after ${seconds(pulled.totalMs)}`,
      };
    },
  },
  {
    name: 'tag moved upstream',
    bar: 'seen within TTL + 1 s',
    async run(bench) {
      const { upstream, ask } = await setUpWarm(bench, { tagTtl: '2s' });
      const moved = await upstream.addImage('team/app', 'latest', ['another layer']);
      const startMs = performance.now();
      while (!isRight(await ask(), moved.digest) && performance.now() - startMs < 10_000) await sleep(20);
      const tookMs = performance.now() - startMs;
      return { passes: tookMs < 3000, figures: `seen after ${seconds(tookMs)} with a TTL of 2 s` };
    },
  },
  {
    name: 'tag deleted upstream',
    bar: '404 after the TTL, never stale',
    async run(bench) {
      const { upstream, ask } = await setUpWarm(bench, { tagTtl: '1s' });
      await upstream.removeTag('team/app', 'latest');
      await sleep(1200);
      const gone = await ask();
      await upstream.down();
      // Longer than misses are remembered.
      await sleep(bench.isFull ? 11_000 : 500);
      const later = [await ask(), await ask()];
      return {
        passes: gone.status === 404 && later.every(({ status }) => status !== 200),
        figures: `${gone.status}; with upstream away ${later.map(({ status }) => status).join(', ')}`,
      };
    },
  },
  loginRow(false),
  loginRow(true),
  {
    name: '5 pulls of an unknown tag in 5 s',
    bar: '1 upstream lookup',
    async run(bench) {
      const { upstream, ask } = await setUpWarm(bench, { tagTtl: '1s' });
      const count = createCounter(upstream);
      await count();
      const all: Pulled[] = [];
      for (let n = 0; n < 5; n++) {
        all.push(await ask(unknown));
        await sleep(1000);
      }
      const lookups = await count();
      return {
        passes: lookups === 1 && all.every(({ status }) => status === 404),
        figures: `${lookups} lookup, ${all.map(({ status }) => status).join(' ')}`,
      };
    },
  },
];

/** The login works at first and then no more; shared, or only good for higher limits. */
function loginRow(shareCredentials: boolean): Row {
  return {
    name: `our login expired${shareCredentials ? ' (shared with clients)' : ''}`,
    bar: 'cached public tags served, new public ones too, health says it',
    async run(bench) {
      const tokens = { login: 'someone:planted-password', privateRepositories: ['team/private'], lifetimeS: 300 };
      const upstream = await bench.upstream({ tokens });
      const cached = await upstream.addImage('team/app', 'latest', ['a layer']);
      const fresh = await upstream.addImage('team/fresh', 'latest', ['a new layer']);
      await upstream.addImage('team/private', 'latest', ['a private layer']);
      const login = { username: 'someone', passwordEnv: 'PLANTED', authHosts: [new URL(upstream.realm ?? '').host] };
      const entry = { name: 'registry.test', url: upstream.url, default: true, tagTtl: '1ms', shareCredentials };
      const mirror = await bench.mirrorOf({
        upstreams: [{ ...entry, ...login }],
        env: { PLANTED: 'planted-password' },
      });
      const ask = (repository: string): Promise<Pulled> => pull(mirror.address, `/v2/${repository}/manifests/latest`);
      const before = [await ask('team/app'), await ask('team/private')];
      await upstream.expireTokens();
      const refusal = { status: 401, body: '{"details":"incorrect username or password"}' };
      await upstream.script({ hasAuthorization: true }, refusal, { target: 'tokens' });
      const oldTag = await ask('team/app');
      const newTag = await ask('team/fresh');
      const hidden = await ask('team/private');
      const health = jsonOf(await pull(mirror.adminAddress, '/readyz'));
      const isSaid = JSON.stringify(health).includes('credentials of registry.test rejected');
      const isRightBefore = before[0]?.status === 200 && before[1]?.status === (shareCredentials ? 200 : 404);
      const isHiddenRight = hidden.status === (shareCredentials ? 503 : 404);
      return {
        passes:
          isRightBefore && isRight(oldTag, cached.digest) && isRight(newTag, fresh.digest) && isHiddenRight && isSaid,
        figures: `cached ${oldTag.status}, new ${newTag.status}, private ${before[1]?.status} then ${hidden.status}; health ${JSON.stringify(health)}`,
      };
    },
  };
}
