import { z } from 'zod';
import { bytes, count, digest, named, pageOf, time } from './api-schema.ts';
import type {
  ImageBlob,
  ImageDetails,
  ImageManifest,
  ImageSummary,
  Page,
  PinState,
  PurgeResult,
  ReferencesRequest,
  RepositorySummary,
} from './api-types.ts';

const reference = z.string().meta({ examples: ['docker.io/library/alpine:3.20'] });
const visibility = z
  .enum(['public', 'restricted'])
  .meta({ description: 'Who may see it: everybody, or those whom upstream lets see it.' });

const repositorySummary = named<RepositorySummary>()(
  'RepositorySummary',
  z.strictObject({ upstream: z.string(), repository: z.string(), tags: count, lastUsedAt: time.nullable() }),
);

export const repositoryPage = named<Page<RepositorySummary>>()('RepositoryPage', pageOf(repositorySummary));

const imageSummary = named<ImageSummary>()(
  'ImageSummary',
  z.strictObject({
    reference,
    upstream: z.string(),
    repository: z.string(),
    tag: z.string(),
    digest,
    mediaType: z.string(),
    sizeBytes: bytes.meta({ description: 'Of what its manifests list, as far as these are here.' }),
    cachedBytes: bytes.meta({ description: 'Of that, what is here.' }),
    hits: count,
    lastUsedAt: time,
    checkedAt: time.meta({ description: 'When upstream last confirmed the tag.' }),
    isPinned: z.boolean(),
    visibility,
  }),
);

export const imagePage = named<Page<ImageSummary>>()('ImagePage', pageOf(imageSummary));

const pinState = named<PinState>()(
  'PinState',
  z.strictObject({
    pin: z.string().meta({ description: 'An image, with `*` for anything, or a digest.' }),
    source: z.enum(['configuration', 'operator']),
  }),
);

export const pinPage = named<Page<PinState>>()('PinPage', pageOf(pinState));

const imageBlob = named<ImageBlob>()(
  'ImageBlob',
  z.strictObject({
    digest,
    mediaType: z.string(),
    sizeBytes: bytes,
    isHere: z.boolean(),
    sharedWith: z.array(z.string()).meta({ description: 'Other cached images that list it, at most 20 by name.' }),
    sharedCount: count,
  }),
);

const imageManifest = named<ImageManifest>()(
  'ImageManifest',
  z.strictObject({
    digest,
    mediaType: z.string(),
    platform: z
      .string()
      .nullable()
      .meta({ examples: ['linux/arm64/v8'] }),
    isHere: z.boolean(),
    sizeBytes: bytes.nullable().meta({ description: 'Of config and layers; null while the manifest is not here.' }),
    cachedBytes: bytes,
    blobs: z.array(imageBlob).meta({ description: 'Config first, then layers from the bottom up.' }),
  }),
);

const imageLinks = named<ImageDetails['links']>()(
  'ImageLinks',
  z
    .strictObject({
      repositories: z.array(z.strictObject({ upstream: z.string(), repository: z.string() })).max(20),
      count: count.meta({ description: 'All of them; 1000 stands for that many or more.' }),
    })
    .meta({
      description: 'Repositories for which upstream has answered. What is restricted leaves only through these.',
    }),
);

export const imageDetails = named<ImageDetails>()(
  'ImageDetails',
  z.strictObject({
    reference,
    upstream: z.string(),
    repository: z.string(),
    tag: z.string().nullable(),
    digest,
    mediaType: z.string(),
    sizeBytes: bytes,
    cachedBytes: bytes,
    hits: count,
    lastUsedAt: time,
    checkedAt: time.nullable(),
    visibility,
    links: imageLinks,
    pins: z.array(pinState).meta({ description: 'The pins that hold it.' }),
    manifests: z.array(imageManifest).meta({ description: 'One for an image, several for an index.' }),
  }),
);

export const referencesRequest = named<ReferencesRequest>()(
  'ReferencesRequest',
  z.strictObject({
    references: z
      .array(reference)
      .min(1)
      .max(1000)
      .meta({ description: 'Nothing changes unless all of them are good.' }),
  }),
);

export const purgeResult = named<PurgeResult>()(
  'PurgeResult',
  z.strictObject({
    items: z.array(
      z.strictObject({
        reference,
        removedObjects: count,
        freedBytes: bytes,
        keptObjects: count.meta({ description: 'Objects that other images need.' }),
      }),
    ),
  }),
);
