// A mirror to which everything has happened that its numbers tell of, as far as a loopback registry can bring it about.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MirrorProcess } from './mirror-process.ts';
import { pull, type Pulled } from './raw-client.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';
import { pollUntil } from './signal.ts';

const repository = 'team/app';

/**
 * Pulls cold, warm and in an outage; wrong bytes; a rotten file; a wrong request. Upstream is well again afterwards.
 * The mirror's tags should expire at once (`tagTtl: 1ms`), so that the outage is noticed.
 */
export async function makeLively(mirror: MirrorProcess, upstream: ScriptedUpstream): Promise<void> {
  const ask = (path: string): Promise<Pulled> => pull(mirror.address, `/v2/${repository}/${path}`);
  const image = upstream.registry.addImage(repository, 'latest', ['a layer', 'another layer']);
  const paths = ['manifests/latest', ...[image.config, ...image.layers].map(({ digest }) => `blobs/${digest}`)];
  for (const path of paths) await ask(path);
  // Numbers begin anew with a restart, so this comes first.
  await mirror.terminate();
  for (const { digest, sizeBytes } of image.layers) await rot(mirror, digest, sizeBytes);
  await mirror.start();

  const left = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };
  upstream.always({ path: '/manifests/' }, { headers: left });
  for (let round = 0; round < 3; round += 1) for (const path of paths) await ask(path);
  // Too large to be verified before it is sent on, so that the answer is broken off.
  const bad = upstream.registry.addBlob(repository, 'a layer that arrives wrong'.repeat(100_000));
  upstream.always({ path: bad.digest }, { flip: 3 });
  await ask(`blobs/${bad.digest}`);
  await ask('manifests/absent');
  await upstream.down();
  const isStale = async (): Promise<boolean> => (await ask('manifests/latest')).headers['warning'] !== undefined;
  await pollUntil(isStale, { what: 'a stale tag' });
  await ask('manifests/unseen');
  await upstream.up();
}

/** Other bytes of the same length, so that only hashing finds out. */
async function rot(mirror: MirrorProcess, digest: string, sizeBytes: number): Promise<void> {
  const hex = digest.slice('sha256:'.length);
  const file = join(mirror.cachePath, 'blobs', 'public', 'sha256', hex.slice(0, 2), hex);
  // Only a file that is there: a wrong path would be a test of nothing.
  await writeFile(file, Buffer.alloc(sizeBytes, 'x'), { flag: 'r+' });
}
