// Pull and content discovery as the OCI distribution conformance suite asks them of a read-only registry
// (distribution-spec, conformance/, part C of the clients page), plus the headers that clients need.
import { createHash } from 'node:crypto';
import { jsonOf, pull, type Pulled, type PullOptions } from '../raw-client.ts';
import { megabyte, type Row } from './bench.ts';

const indexType = 'application/vnd.oci.image.index.v1+json';
const unknown = `sha256:${createHash('sha256').update('unknown').digest('hex')}`;

export const conformanceRow: Row = {
  name: 'OCI distribution conformance, pull and discovery, read-only',
  bar: 'every requirement of part C of the clients page',
  async run(bench) {
    const upstream = await bench.upstream();
    const image = await upstream.addImage('team/app', 'v1', [{ seed: 'conformance', sizeBytes: megabyte }, '']);
    await upstream.addImage('team/app', 'v2', ['another']);
    await upstream.addImage('team/app', 'v3', ['a third']);
    const mirror = await bench.mirror(upstream);
    const ask = (path: string, options?: PullOptions): Promise<Pulled> => pull(mirror.address, `/v2/${path}`, options);
    const failures: string[] = [];
    let checks = 0;
    const check = (name: string, isMet: boolean): void => {
      checks += 1;
      if (!isMet) failures.push(name);
    };
    await checkManifests(ask, check, image.digest);
    for (const blob of [...image.layers, image.config]) await checkBlob(ask, check, blob);
    await checkTags(ask, check);
    await checkReferrers(ask, check, image.digest);
    await checkRefusals(ask, check);
    return {
      passes: failures.length === 0,
      figures: `${checks - failures.length} of ${checks}${failures.length > 0 ? `; not: ${failures.join('; ')}` : ''}`,
    };
  },
};

type Ask = (path: string, options?: PullOptions) => Promise<Pulled>;
type Check = (name: string, isMet: boolean) => void;

async function checkManifests(ask: Ask, check: Check, digest: string): Promise<void> {
  const ping = await ask('');
  check('GET /v2/ is 200', ping.status === 200);
  check('GET /v2/ names the API version', ping.headers['docker-distribution-api-version'] === 'registry/2.0');
  for (const reference of ['v1', digest]) {
    const get = await ask(`team/app/manifests/${reference}`);
    check(`GET manifest ${reference}`, get.status === 200 && get.digest === digest);
    check(`digest header of ${reference}`, get.headers['docker-content-digest'] === digest);
    check(`type of ${reference}`, get.headers['content-type'] === 'application/vnd.oci.image.manifest.v1+json');
    check(`length of ${reference}`, get.headers['content-length'] === String(get.bytes));
    const head = await ask(`team/app/manifests/${reference}`, { method: 'HEAD' });
    check(`HEAD manifest ${reference}`, head.status === 200 && head.bytes === 0);
    check(`HEAD length of ${reference}`, head.headers['content-length'] === String(get.bytes));
    check(`HEAD digest of ${reference}`, head.headers['docker-content-digest'] === digest);
  }
  for (const method of ['GET', 'HEAD']) {
    check(`${method} unknown tag`, (await ask('team/app/manifests/absent', { method })).status === 404);
    check(`${method} unknown digest`, (await ask(`team/app/manifests/${unknown}`, { method })).status === 404);
    const bad = await ask('team/app/manifests/sha256:baddigeststring', { method });
    check(`${method} bad digest`, [400, 404].includes(bad.status));
  }
  const known = await ask('team/app/manifests/absent');
  check('404 has a spec code', codeOf(known) === 'MANIFEST_UNKNOWN');
  check('unknown repository is 404', (await ask('team/none/manifests/v1')).status === 404);
}

async function checkBlob(ask: Ask, check: Check, blob: { digest: string; sizeBytes: number }): Promise<void> {
  const name = `blob of ${blob.sizeBytes}`;
  const path = `team/app/blobs/${blob.digest}`;
  const head = await ask(path, { method: 'HEAD' });
  check(`HEAD ${name}`, head.status === 200 && head.headers['content-length'] === String(blob.sizeBytes));
  check(`HEAD digest of ${name}`, head.headers['docker-content-digest'] === blob.digest);
  const get = await ask(path);
  check(`GET ${name}`, get.status === 200 && get.isComplete && get.digest === blob.digest);
  check(`length of ${name}`, get.headers['content-length'] === String(blob.sizeBytes));
  check(`digest of ${name}`, get.headers['docker-content-digest'] === blob.digest);
  check(`ranges of ${name}`, get.headers['accept-ranges'] === 'bytes');
  check(`etag of ${name}`, get.headers['etag'] === `"${blob.digest}"`);
  if (blob.sizeBytes < 10) return;
  const range = await ask(path, { range: 'bytes=5-8' });
  check(`range of ${name}`, range.status === 206 && range.headers['content-range'] === `bytes 5-8/${blob.sizeBytes}`);
  const suffix = await ask(path, { range: 'bytes=-5' });
  check(`suffix of ${name}`, suffix.status === 206 && suffix.bytes === 5);
  const beyond = await ask(path, { range: `bytes=${blob.sizeBytes}-` });
  check(`416 of ${name}`, beyond.status === 416 && beyond.headers['content-range'] === `bytes */${blob.sizeBytes}`);
  check(`absent beside ${name}`, (await ask(`team/app/blobs/${unknown}`)).status === 404);
}

async function checkTags(ask: Ask, check: Check): Promise<void> {
  const tagsOf = async (query: string): Promise<unknown> => jsonOf(await ask(`team/app/tags/list${query}`))['tags'];
  const isList = (value: unknown, tags: readonly string[]): boolean => JSON.stringify(value) === JSON.stringify(tags);
  check('tags', isList(await tagsOf(''), ['v1', 'v2', 'v3']));
  check('tags n=1', isList(await tagsOf('?n=1'), ['v1']));
  check('tags n=0', isList(await tagsOf('?n=0'), []));
  check('tags last', isList(await tagsOf('?last=v1'), ['v2', 'v3']));
  check('tags n and last', isList(await tagsOf('?n=1&last=v1'), ['v2']));
  const paged = await ask('team/app/tags/list?n=1');
  check('tags Link', /^<\/v2\/team\/app\/tags\/list\?.*>; rel="next"$/.test(paged.headers['link'] ?? ''));
  check('tags of an unknown repository', (await ask('team/none/tags/list')).status === 404);
  check('tags n=abc', (await ask('team/app/tags/list?n=abc')).status === 400);
}

async function checkReferrers(ask: Ask, check: Check, digest: string): Promise<void> {
  for (const subject of [digest, unknown]) {
    const referrers = await ask(`team/app/referrers/${subject}`);
    const index = jsonOf(referrers);
    check('referrers are 200', referrers.status === 200);
    check(
      'referrers are an index',
      referrers.headers['content-type'] === indexType && index['mediaType'] === indexType,
    );
    check('referrers have manifests', Array.isArray(index['manifests']) && index['schemaVersion'] === 2);
  }
  check('bad digest at referrers is 400', (await ask('team/app/referrers/sha256:bad')).status === 400);
}

async function checkRefusals(ask: Ask, check: Check): Promise<void> {
  for (const path of [`team/app/manifests/v1`, `team/app/blobs/${unknown}`, 'team/app/blobs/uploads/']) {
    for (const method of ['PUT', 'POST', 'PATCH', 'DELETE']) {
      const refused = await ask(path, { method });
      check(`${method} ${path}`, refused.status === 405 && codeOf(refused) === 'UNSUPPORTED');
      check(`Allow of ${method} ${path}`, (refused.headers['allow'] ?? '').includes('GET'));
    }
  }
}

function codeOf(pulled: Pulled): unknown {
  const [first] = (jsonOf(pulled)['errors'] ?? []) as readonly { readonly code?: unknown }[];
  return first?.code;
}
