// What the fake admin API knows at first: a mirror at work, all well. Tests replace what they are about.
import type {
  ClientSetup,
  FillState,
  History,
  ImageDetails,
  ImageSummary,
  Job,
  Status,
  UpstreamState,
} from '../../../src/admin/api-types.ts';

const gib = 1024 ** 3;
const hub = 'docker.io';

/** Everything that the API tells, replaced at will. */
export interface FakeState {
  status: Status;
  history: History;
  fills: readonly FillState[];
  images: readonly ImageSummary[];
  /** By reference; others are made from the list. */
  readonly details: Map<string, ImageDetails>;
  jobs: readonly Job[];
  clientSetup: ClientSetup;
}

export function createFakeState(nowMs: number): FakeState {
  const at = (secondsAgo: number): string => new Date(nowMs - secondsAgo * 1000).toISOString();
  return {
    status: createStatus(at),
    history: createHistory(at),
    fills: [],
    images: createImages(40, at(60)),
    details: new Map(),
    jobs: [],
    clientSetup: {
      publicUrl: 'http://mirror.lan:5000',
      clients: ['docker', 'containerd', 'podman', 'buildkit'].map((name) => ({
        name,
        text: `# ${name}\n{ "registry-mirrors": ["http://mirror.lan:5000"] }\n`,
        notes: name === 'docker' ? ['Docker sends pulls of Docker Hub only.'] : [],
      })),
    },
  };
}

function createStatus(at: (secondsAgo: number) => string): Status {
  return {
    version: '0.1.0',
    instance: 'test',
    startedAt: at(300_000),
    uptimeSeconds: 300_000,
    isReady: true,
    degraded: [],
    publicUrl: 'http://mirror.lan:5000',
    cache: {
      usedBytes: 31 * gib,
      maxBytes: 50 * gib,
      contentBytes: 30 * gib,
      objects: 2310,
      pinnedBytes: 2 * gib,
      spareBytes: 120 * gib,
    },
    traffic: {
      since: at(300_000),
      requests: 18_230,
      hits: 16_911,
      hitRatio: 16_911 / 18_230,
      servedBytes: 420 * gib,
      fetchedBytes: 31 * gib,
      savedBytes: 389 * gib,
      byteHitRatio: 389 / 420,
    },
    fills: { running: 0, readers: 0 },
    upstreams: [createUpstream(hub, { isDefault: true }), createUpstream('ghcr.io')],
    configuration: { file: '/etc/stowage/mirror.config.yaml', loadedAt: at(300_000), problems: [] },
  };
}

export function createUpstream(name: string, more: Partial<UpstreamState> = {}): UpstreamState {
  const rateLimit = name === hub ? { limit: 100, remaining: 61 } : null;
  const urls = [{ url: `https://${name}`, health: 'ok' as const, pauses: [], rateLimit }];
  return { name, isDefault: false, aliases: [], health: 'ok', urls, ...more };
}

function createHistory(at: (secondsAgo: number) => string): History {
  const stepSeconds = 300;
  const points = Array.from({ length: 288 }, (_, index) => {
    const requests = Math.round(60 + 55 * Math.sin(index / 23));
    const servedBytes = requests * 40e6;
    const share = 0.05 + 0.2 * Math.abs(Math.sin(index / 7));
    return {
      at: at((288 - index) * stepSeconds),
      requests,
      hits: Math.round(requests * (1 - share)),
      servedBytes,
      fetchedBytes: Math.round(servedBytes * share),
    };
  });
  return { stepSeconds, points };
}

export function createImages(count: number, lastUsedAt: string): ImageSummary[] {
  return Array.from({ length: count }, (_, index) =>
    createImage(`${hub}/library/app-${index}:v${index % 7}`, lastUsedAt),
  );
}

/** `reference` is by tag. */
export function createImage(reference: string, lastUsedAt: string, more: Partial<ImageSummary> = {}): ImageSummary {
  const slash = reference.indexOf('/');
  const colon = reference.lastIndexOf(':');
  return {
    reference,
    upstream: reference.slice(0, slash),
    repository: reference.slice(slash + 1, colon),
    tag: reference.slice(colon + 1),
    digest: digestOf(reference),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    sizeBytes: 187_000_000,
    cachedBytes: 95_000_000,
    hits: 1234,
    lastUsedAt,
    checkedAt: lastUsedAt,
    isPinned: false,
    visibility: 'public',
    ...more,
  };
}

/** Two platforms, of which one is here, with one layer that others share. */
export function createDetails(image: ImageSummary, more: Partial<ImageDetails> = {}): ImageDetails {
  const { isPinned, ...shared } = image;
  const layer = (
    index: number,
    sharedWith: readonly string[] = [],
  ): ImageDetails['manifests'][number]['blobs'][number] => ({
    digest: digestOf(`${image.reference} ${index}`),
    mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
    sizeBytes: 30_000_000,
    isHere: true,
    sharedWith,
    sharedCount: sharedWith.length,
  });
  const config = { ...layer(0), mediaType: 'application/vnd.oci.image.config.v1+json', sizeBytes: 5000 };
  const blobs = [config, layer(1, [`${hub}/library/other:1`]), layer(2), layer(3)];
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return {
    ...shared,
    links: { repositories: [{ upstream: image.upstream, repository: image.repository }], count: 1 },
    pins: isPinned ? [{ pin: image.reference, source: 'operator' }] : [],
    manifests: [
      {
        digest: digestOf(`${image.reference} amd64`),
        mediaType,
        platform: 'linux/amd64',
        isHere: true,
        sizeBytes: 90_005_000,
        cachedBytes: 90_005_000,
        blobs,
      },
      {
        digest: digestOf(`${image.reference} arm64`),
        mediaType,
        platform: 'linux/arm64/v8',
        isHere: false,
        sizeBytes: null,
        cachedBytes: 0,
        blobs: [],
      },
    ],
    ...more,
  };
}

export function createJob(references: readonly string[], more: Partial<Job> = {}): Job {
  return {
    id: 'job-1',
    kind: 'pull',
    origin: 'operator',
    state: 'running',
    startedAt: new Date().toISOString(),
    endedAt: null,
    items: references.map((reference) => ({
      reference,
      state: 'running',
      error: null,
      totalBytes: 90_000_000,
      doneBytes: 30_000_000,
      totalObjects: 5,
      doneObjects: 2,
      fetchedBytes: 30_000_000,
      damagedObjects: 0,
    })),
    ...more,
  };
}

export function createFill(more: Partial<FillState> = {}): FillState {
  return {
    digest: digestOf('fill'),
    upstream: hub,
    repository: 'library/postgres',
    sizeBytes: 150_000_000,
    hereBytes: 60_000_000,
    bytesPerSecond: 25_000_000,
    readers: 3,
    connections: 2,
    startedAt: new Date().toISOString(),
    ...more,
  };
}

function digestOf(text: string): string {
  return `sha256:${Buffer.from(text).toString('hex').padEnd(64, '0').slice(-64)}`;
}
