import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { isMirrorError } from '../oci/errors.ts';
import { formatImageName, parseImageName, type ImageName, type NamedUpstream } from '../oci/image-name.ts';
import { formatPin, type Pin } from '../oci/pin.ts';
import type { Images } from '../mirror/images/images.ts';
import type { ImageOrder } from '../store/browse-protocol.ts';
import { toImageDetails, toImageSummary, toPinState, toRepositorySummary } from './api-image.ts';
import { ApiProblem, sendJson, type ApiRoutes } from './api-router.ts';
import type { ImageSummary, Page, PinState, PurgeResult, RepositorySummary } from './api-types.ts';
import { parseBody, parseImageNames, references } from './body.ts';
import { formatCursor, parseCursor, parseQuery, queryLimit, queryText } from './query.ts';

export interface ImagesRoutesOptions {
  readonly images: Pick<Images, 'listRepositories' | 'list' | 'describe' | 'purge' | 'pins'>;
  /** The upstreams of the configuration that holds now. */
  upstreams(): readonly NamedUpstream[];
  /** A pin as it is written. @throws MirrorError `name-invalid` */
  parsePin(text: string): Pin;
}

const orders = ['name', 'used', 'size', 'hits'] as const satisfies readonly ImageOrder[];
const page = { cursor: z.string().optional(), limit: queryLimit };
const repositoriesQuery = z.strictObject({ search: queryText, upstream: queryText, ...page });
const repositoriesCursor = z.tuple([z.string(), z.string()]);
const imagesQuery = z.strictObject({
  search: queryText,
  upstream: queryText,
  repository: queryText,
  sort: z.enum(orders, { error: `one of ${orders.join(', ')} is expected` }).default('name'),
  ...page,
});
/** Sort and value, then the name. */
const imagesCursor = z.tuple([z.enum(orders), z.int(), z.string(), z.string(), z.string(), z.string()]);
const imageQuery = z.strictObject({
  reference: z.string({ error: 'an image name is expected, as in docker.io/library/alpine:3.20' }),
});
const noQuery = z.strictObject({});
const body = z.strictObject({ references });

/** What is in the cache, and what operators do with it. */
export function createImagesRoutes(options: ImagesRoutesOptions): ApiRoutes {
  const { images } = options;
  return (router) => {
    router.get(
      '/repositories',
      answering(({ url }) => listRepositories(images, url)),
    );
    router.get(
      '/images',
      answering(({ url }) => listImages(images, url)),
    );
    router.get(
      '/image',
      answering(async ({ url }) => {
        const { reference } = parseQuery(imageQuery, url);
        return toImageDetails(await images.describe(parseReference(reference, options.upstreams())));
      }),
    );
    router.get(
      '/pins',
      answering(({ url }) => {
        parseQuery(noQuery, url);
        return listPins(images);
      }),
    );
    router.post(
      '/purge',
      answering((request) => {
        const { references: texts } = parseBody(body, request.body);
        return purge(images, parseImageNames(texts, options.upstreams()));
      }),
    );
    router.post(
      '/pin',
      answering(async (request) => {
        await images.pins.add(parsePins(options, request.body));
        return listPins(images);
      }),
    );
    router.post(
      '/unpin',
      answering(async (request) => {
        const pins = parsePins(options, request.body);
        for (const pin of pins) requireOperatorsPin(images, pin);
        await images.pins.remove(pins);
        return listPins(images);
      }),
    );
  };
}

/** Answers 200 with what `give` gives. */
function answering(give: (request: Request) => object | Promise<object>): RequestHandler {
  const answer = async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    try {
      sendJson(response, 200, await give(request));
    } catch (error) {
      next(error);
    }
  };
  return (request, response, next) => void answer(request, response, next);
}

type Shown = ImagesRoutesOptions['images'];

async function listRepositories(images: Shown, url: string): Promise<Page<RepositorySummary>> {
  const { cursor, ...query } = parseQuery(repositoriesQuery, url);
  const [upstream, repository] = parseCursor(repositoriesCursor, cursor) ?? [];
  const after = upstream === undefined || repository === undefined ? undefined : { upstream, repository };
  const { items, hasMore } = await images.listRepositories({ ...withFilters(query), after });
  const last = hasMore ? items.at(-1) : undefined;
  return {
    items: items.map(toRepositorySummary),
    next: last === undefined ? null : formatCursor([last.upstream, last.repository]),
  };
}

async function listImages(images: Shown, url: string): Promise<Page<ImageSummary>> {
  const { cursor, sort, repository, ...query } = parseQuery(imagesQuery, url);
  const { items, hasMore } = await images.list({
    ...withFilters(query),
    repository,
    order: sort,
    after: parsePosition(cursor, sort),
  });
  const last = hasMore ? items.at(-1)?.position : undefined;
  const place = last && [sort, last.value, last.digest, last.upstream, last.repository, last.tag];
  return { items: items.map(toImageSummary), next: place === undefined ? null : formatCursor(place) };
}

interface Filters {
  readonly search?: string | undefined;
  readonly upstream?: string | undefined;
  readonly limit: number;
}

function withFilters({ search, upstream, limit }: Filters) {
  return { search, upstream, limit };
}

function parsePosition(cursor: string | undefined, sort: ImageOrder) {
  const place = parseCursor(imagesCursor, cursor);
  if (place === undefined) return undefined;
  const [order, value, digest, upstream, repository, tag] = place;
  if (order === sort) return { value, digest, upstream, repository, tag };
  throw new ApiProblem(400, `it comes from a list that is sorted by ${order}`, 'cursor');
}

function parseReference(text: string, upstreams: readonly NamedUpstream[]): ImageName {
  try {
    return parseImageName(text, upstreams);
  } catch (error) {
    if (!isMirrorError(error)) throw error;
    throw new ApiProblem(400, error.message, 'reference');
  }
}

async function purge(images: Shown, names: readonly ImageName[]): Promise<PurgeResult> {
  const purged = await images.purge(names);
  const failed = purged.reduce((sum, { failedObjects }) => sum + failedObjects, 0);
  if (failed > 0) {
    throw new ApiProblem(500, `the disk refuses to delete ${failed} objects of these images; the log says why`);
  }
  const items = purged.map(({ name, removedObjects, freedBytes, keptObjects }) => {
    return { reference: formatImageName(name), removedObjects, freedBytes, keptObjects };
  });
  return { items };
}

function parsePins({ parsePin }: ImagesRoutesOptions, given: unknown): readonly Pin[] {
  const { references: texts } = parseBody(body, given);
  return texts.map((text, index) => {
    try {
      return parsePin(text);
    } catch (error) {
      if (!isMirrorError(error)) throw error;
      throw new ApiProblem(400, error.message, `references[${index}]`);
    }
  });
}

function requireOperatorsPin({ pins }: Shown, pin: Pin): void {
  const source = pins.findSource(pin);
  if (source === 'operator') return;
  if (source === undefined) throw new ApiProblem(404, `${formatPin(pin)} is not pinned`);
  throw new ApiProblem(409, `${formatPin(pin)} is pinned by the configuration: take it out of cache.pins there`);
}

function listPins({ pins }: Shown): Page<PinState> {
  return { items: pins.list().map(toPinState), next: null };
}
