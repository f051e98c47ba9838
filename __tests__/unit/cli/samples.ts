// Answers of the admin API, as a mirror that has run for a while gives them.
import type { ImageSummary, Job, JobItem, Status } from '../../../src/admin/api-types.ts';

export const sampleStatus: Status = {
  version: '0.1.0',
  instance: 'abc',
  startedAt: '2026-02-26T08:00:00Z',
  uptimeSeconds: 3 * 86_400 + 4 * 3600,
  isReady: true,
  degraded: ['credentials of docker.io rejected'],
  publicUrl: 'http://mirror.lan:5000',
  cache: {
    usedBytes: 12_345_000_000,
    maxBytes: 53_687_091_200,
    contentBytes: 12_000_000_000,
    objects: 1234,
    pinnedBytes: 1_200_000_000,
    spareBytes: 100_000_000_000,
  },
  traffic: {
    since: '2026-02-26T08:00:00Z',
    requests: 12_345,
    hits: 11_500,
    hitRatio: 0.9315,
    servedBytes: 1_200_000_000_000,
    fetchedBytes: 100_000_000_000,
    savedBytes: 1_100_000_000_000,
    byteHitRatio: 0.9166,
  },
  fills: { running: 2, readers: 5 },
  upstreams: [
    {
      name: 'docker.io',
      isDefault: true,
      aliases: ['index.docker.io'],
      health: 'login-rejected',
      urls: [
        {
          url: 'https://registry-1.docker.io',
          health: 'login-rejected',
          pauses: [],
          rateLimit: { limit: 100, remaining: 97 },
        },
      ],
    },
    {
      name: 'ghcr.io',
      isDefault: false,
      aliases: [],
      health: 'paused',
      urls: [
        { url: 'https://cache.lan', health: 'away', pauses: [], rateLimit: null },
        {
          url: 'https://ghcr.io',
          health: 'paused',
          pauses: [{ class: 'manifests', until: '2026-03-01T12:00:30Z' }],
          rateLimit: null,
        },
      ],
    },
  ],
  configuration: {
    file: '/etc/stowage/mirror.config.yaml',
    loadedAt: '2026-02-26T08:00:00Z',
    problems: ['cache.tagTtl: expected a duration, found 5'],
  },
};

export function sampleImage(reference: string, more: Partial<ImageSummary> = {}): ImageSummary {
  const [, upstream = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
  return {
    reference,
    upstream,
    repository,
    tag,
    digest: `sha256:${'a'.repeat(64)}`,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    sizeBytes: 7_800_000,
    cachedBytes: 7_800_000,
    hits: 12,
    lastUsedAt: '2026-03-01T11:57:00Z',
    checkedAt: '2026-03-01T11:57:00Z',
    isPinned: false,
    visibility: 'public',
    ...more,
  };
}

export function sampleJob(state: Job['state'], items: readonly JobItem[], kind: Job['kind'] = 'pull'): Job {
  const endedAt = state === 'running' ? null : '2026-03-01T12:00:10Z';
  return { id: 'job-1', kind, origin: 'operator', state, startedAt: '2026-03-01T12:00:00Z', endedAt, items };
}

export function sampleItem(reference: string, state: JobItem['state'], more: Partial<JobItem> = {}): JobItem {
  return {
    reference,
    state,
    error: null,
    totalBytes: 0,
    doneBytes: 0,
    totalObjects: 0,
    doneObjects: 0,
    fetchedBytes: 0,
    damagedObjects: 0,
    ...more,
  };
}
