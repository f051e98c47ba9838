// What the crashes happen to: an upstream in a process of its own, a mirror with little room, and what is pulled.
import { createSeededContent, type Content } from '../content.ts';
import { startMirrorProcess, type MirrorProcess } from '../mirror-process.ts';
import { startRemoteUpstream, type RemoteUpstream } from '../remote-upstream.ts';

/** Something that can be pulled, and what must come. */
export interface Item {
  readonly name: string;
  readonly path: string;
  readonly digest: string;
  /** The bytes of a blob, for ranges. */
  readonly content?: Content;
}

/** The owner must `close` it. */
export interface Scene {
  readonly upstream: RemoteUpstream;
  /** Not running when the scene opens. */
  readonly mirror: MirrorProcess;
  /** What random pulls choose from: several times the quota. */
  readonly items: readonly Item[];
  readonly script: ScriptItems;
  /** Hexadecimal digest → the name of what has it, to be read in place of it. */
  readonly names: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** What the scripted scenario pulls, by the part that it plays. */
export interface ScriptItems {
  /** In the cache before, most of the quota; the first is the first to be evicted. */
  readonly old: readonly Item[];
  /** Parked halfway before: one is fetched to its end, the other has to go. */
  readonly resumed: Item;
  readonly dropped: Item;
  /** In the cache as restricted content, and seen to be public later: `atLogin` → `atNobody`. */
  readonly atLogin: Item;
  readonly atNobody: Item;
  readonly manifestByTag: Item;
  readonly manifestByDigest: Item;
  readonly config: Item;
  readonly layer: Item;
  /** Too much for what is left of the quota. */
  readonly largeLayer: Item;
}

/** Room for the scripted scenario but for its last layer. */
export const quotaBytes = 24_000_000;
const repository = 'team/app';
const secretRepository = 'team/secret';
const randomSizes = [
  1, 1000, 65_536, 65_537, 300_000, 1_048_576, 1_048_577, 3_000_000, 4_500_000, 7_000_000, 9_000_000, 17_000_000,
];

const itemOf = (name: string, digest: string, where = repository): Item => ({
  name,
  digest,
  path: `/v2/${where}/blobs/${digest}`,
});

/** Starts the upstream, and a mirror with an empty cache, which is stopped again. */
export async function openScene(): Promise<Scene> {
  const upstream = await startRemoteUpstream({
    tokens: { login: 'someone:planted-password', privateRepositories: [secretRepository] },
  });
  try {
    const script = await addScript(upstream);
    const items = [...(await addRandomItems(upstream)), ...Object.values<Item | readonly Item[]>({ ...script }).flat()];
    const mirror = await startMirror(upstream);
    await mirror.terminate();
    return {
      upstream,
      mirror,
      items,
      script,
      names: new Map(items.map(({ digest, name }) => [digest.slice(digest.indexOf(':') + 1), name])),
      async close() {
        await mirror.close();
        await upstream.close();
      },
    };
  } catch (error) {
    await upstream.close();
    throw error;
  }
}

/** The same registry twice: for everybody, and with a login that makes what comes restricted. */
function startMirror({ url, realm = '' }: RemoteUpstream): Promise<MirrorProcess> {
  const login = { username: 'someone', passwordEnv: 'PLANTED', shareCredentials: true };
  const authHosts = [new URL(realm).host];
  return startMirrorProcess({
    upstreams: [
      { name: 'registry.test', url, default: true, authHosts },
      { name: 'private.test', url, ...login, authHosts },
    ],
    config: { cache: { maxSize: `${quotaBytes}B` } },
    env: { PLANTED: 'planted-password' },
  });
}

async function addBlob(upstream: RemoteUpstream, name: string, sizeBytes: number): Promise<Item> {
  await upstream.addBlob(repository, { seed: name, sizeBytes });
  const content = createSeededContent(name, sizeBytes);
  return { ...itemOf(name, content.digest), content };
}

async function addRandomItems(upstream: RemoteUpstream): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (const sizeBytes of randomSizes) items.push(await addBlob(upstream, `random-${sizeBytes}`, sizeBytes));
  for (const tag of ['one', 'two', 'three']) {
    const layer = { seed: `layer of ${tag}`, sizeBytes: 1_200_000 };
    const image = await upstream.addImage(repository, tag, [layer]);
    const { digest } = createSeededContent(layer.seed, layer.sizeBytes);
    items.push(
      { name: tag, digest: image.digest, path: `/v2/${repository}/manifests/${tag}` },
      { name: `manifest-${tag}`, digest: image.digest, path: `/v2/${repository}/manifests/${image.digest}` },
      itemOf(`config-${tag}`, image.config.digest),
      itemOf(`layer-${tag}`, digest),
    );
  }
  return items;
}

async function addScript(upstream: RemoteUpstream): Promise<ScriptItems> {
  const old: Item[] = [];
  for (const n of [1, 2, 3, 4]) old.push(await addBlob(upstream, `old-${n}`, 4_500_000));
  const secret = { seed: 'secret', sizeBytes: 100_000 };
  const { digest: secretDigest } = await upstream.addBlob(secretRepository, secret);
  await upstream.addBlob(repository, secret);
  const layers = [
    { seed: 'layer', sizeBytes: 1_200_000 },
    { seed: 'large-layer', sizeBytes: 3_000_000 },
  ];
  const image = await upstream.addImage(repository, 'latest', layers);
  const [layer = '', largeLayer = ''] = image.layers.map(({ digest }) => digest);
  const atLogin = itemOf('secret', secretDigest, secretRepository);
  return {
    old,
    resumed: await addBlob(upstream, 'resumed', 2_000_000),
    dropped: await addBlob(upstream, 'dropped', 2_000_000),
    atLogin: { ...atLogin, path: `${atLogin.path}?ns=private.test` },
    atNobody: itemOf('secret', secretDigest),
    manifestByTag: { name: 'manifest', digest: image.digest, path: `/v2/${repository}/manifests/latest` },
    manifestByDigest: { name: 'manifest', digest: image.digest, path: `/v2/${repository}/manifests/${image.digest}` },
    config: itemOf('config', image.config.digest),
    layer: itemOf('layer', layer),
    largeLayer: itemOf('large-layer', largeLayer),
  };
}
