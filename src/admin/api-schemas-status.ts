import { z } from 'zod';
import { bytes, count, digest, named, ratio, time } from './api-schema.ts';
import type {
  ApiError,
  CacheUse,
  ClientSetup,
  ConfigurationState,
  FillState,
  History,
  HistoryPoint,
  Status,
  Traffic,
  UpstreamState,
  UpstreamUrlState,
} from './api-types.ts';

export const apiError = named<ApiError>()(
  'Error',
  z.strictObject({
    error: z.string().meta({ description: 'One sentence: what was wrong and what was expected.' }),
    field: z
      .string()
      .exactOptional()
      .meta({ description: 'For 400: the field of the body or the query parameter, as in `references[1]`.' }),
  }),
);

const cacheUse = named<CacheUse>()(
  'CacheUse',
  z.strictObject({
    usedBytes: bytes.meta({
      description: 'All that counts in the quota: content, partial files, what is on its way in.',
    }),
    maxBytes: bytes.nullable().meta({ description: 'null: no limit.' }),
    contentBytes: bytes,
    objects: count,
    pinnedBytes: bytes,
    spareBytes: z
      .int()
      .nullable()
      .meta({ description: 'Free on the file system beyond `cache.minFree`; null while nobody has looked.' }),
  }),
);

const traffic = named<Traffic>()(
  'Traffic',
  z.strictObject({
    since: time,
    requests: count.meta({ description: 'Pulls of manifests and blobs that were answered well.' }),
    hits: count.meta({ description: 'Those for which nothing was fetched anew.' }),
    hitRatio: ratio.nullable(),
    servedBytes: bytes,
    fetchedBytes: bytes.meta({ description: 'What upstreams sent, lists and tokens among it.' }),
    savedBytes: bytes.meta({ description: 'Served less fetched, never below 0.' }),
    byteHitRatio: ratio.nullable(),
  }),
);

const upstreamHealth = z.enum(['ok', 'login-rejected', 'paused', 'away']);

const upstreamUrlState = named<UpstreamUrlState>()(
  'UpstreamUrlState',
  z.strictObject({
    url: z.string().meta({ description: 'Without any login.' }),
    health: upstreamHealth,
    pauses: z.array(z.strictObject({ class: z.enum(['manifests', 'blobs', 'tokens']), until: time })),
    rateLimit: z
      .strictObject({ limit: count.nullable(), remaining: count })
      .nullable()
      .meta({ description: 'What upstream said last of its limit; null when it never did.' }),
  }),
);

export const upstreamState = named<UpstreamState>()(
  'UpstreamState',
  z.strictObject({
    name: z.string(),
    isDefault: z.boolean(),
    aliases: z.array(z.string()),
    health: upstreamHealth.meta({ description: 'The worst of its URLs’ states.' }),
    urls: z.array(upstreamUrlState),
  }),
);

export const configurationState = named<ConfigurationState>()(
  'ConfigurationState',
  z.strictObject({
    file: z.string().nullable().meta({ description: 'null: built-in defaults.' }),
    loadedAt: time,
    problems: z.array(z.string()).meta({ description: 'Why the last attempt to load it changed nothing.' }),
  }),
);

export const status = named<Status>()(
  'Status',
  z.strictObject({
    version: z.string(),
    instance: z.string(),
    startedAt: time,
    uptimeSeconds: count,
    isReady: z.boolean(),
    degraded: z.array(z.string()).meta({ description: 'What is not as it should be, a sentence each.' }),
    publicUrl: z.string().meta({ description: 'Where clients pull.' }),
    cache: cacheUse,
    traffic,
    fills: z.strictObject({ running: count, readers: count }),
    upstreams: z.array(upstreamState),
    configuration: configurationState,
  }),
);

const historyPoint = named<HistoryPoint>()(
  'HistoryPoint',
  z.strictObject({ at: time, requests: count, hits: count, servedBytes: bytes, fetchedBytes: bytes }),
);

export const history = named<History>()(
  'History',
  z.strictObject({ stepSeconds: z.int().positive(), points: z.array(historyPoint) }),
);

export const fillState = named<FillState>()(
  'FillState',
  z.strictObject({
    digest,
    upstream: z.string(),
    repository: z.string(),
    sizeBytes: bytes.nullable().meta({ description: 'null until upstream has said it.' }),
    hereBytes: bytes,
    bytesPerSecond: count.meta({ description: 'Over the last seconds.' }),
    readers: count,
    connections: count,
    startedAt: time,
  }),
);

export const clientSetup = named<ClientSetup>()(
  'ClientSetup',
  z.strictObject({
    publicUrl: z.string(),
    clients: z.array(
      z.strictObject({
        name: z.string(),
        text: z.string(),
        notes: z.array(z.string()).meta({ description: 'What cannot be said within the text.' }),
      }),
    ),
  }),
);
