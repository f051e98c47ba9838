import type { Digest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { Log } from '../telemetry/log.ts';
import type {
  Belonging,
  BrowsedImage,
  BrowsedRepository,
  BrowseReply,
  BrowseRequest,
  ImageId,
  ImageQuery,
  ImageSizes,
  Links,
  PurgePlan,
  PurgeQuestion,
  RepositoryQuery,
  Sharing,
} from './browse-protocol.ts';
import { startWorker, type WorkerPort } from './worker-port.ts';

/** One page of a list. */
export interface BrowsePage<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

/**
 * What an operator wants to know of the catalog. Questions that take time, so that a worker of their own answers them,
 * one after the other; each sees every write made before it. @throws MirrorError `overloaded` when it cannot be read
 */
export interface CatalogBrowse {
  listRepositories(query: RepositoryQuery): Promise<BrowsePage<BrowsedRepository>>;
  listImages(query: ImageQuery): Promise<BrowsePage<BrowsedImage>>;
  /** Of an image or index that is here; 0 for anything else. */
  sizesOf(manifest: Digest): Promise<ImageSizes>;
  /** In the order of `digests`. */
  findSharing(image: ImageId, digests: readonly Digest[]): Promise<readonly Sharing[]>;
  findBelonging(repository: RepositoryId, manifest: Digest): Promise<Belonging>;
  findLinks(digest: Digest): Promise<Links>;
  /** What can be removed with a manifest. Changes nothing. */
  planPurge(question: PurgeQuestion): Promise<PurgePlan>;
}

export interface CatalogBrowseOptions {
  readonly path: string;
  readonly log: Log;
  /** Resolves when everything before it is in the database, if that can be. */
  flush(): Promise<void>;
}

export interface OpenedBrowse extends CatalogBrowse {
  close(): Promise<void>;
}

/** The worker is started by the first question: most mirrors are asked none. */
export function createCatalogBrowse({ path, log, flush }: CatalogBrowseOptions): OpenedBrowse {
  let opening: Promise<WorkerPort<BrowseRequest, BrowseReply>> | undefined;

  async function open(): Promise<WorkerPort<BrowseRequest, BrowseReply>> {
    const port = startWorker<BrowseRequest, BrowseReply>(import.meta.url, 'browse-worker');
    try {
      await port.request({ type: 'open', path });
      return port;
    } catch (error) {
      // There may be a database later.
      opening = undefined;
      await port.terminate();
      throw error;
    }
  }

  /** The caller knows what comes back for what it sends. */
  async function ask<Reply>(request: BrowseRequest): Promise<Reply> {
    await flush();
    try {
      const port = await (opening ??= open());
      return (await port.request(request)) as Reply;
    } catch (error) {
      log.error({ err: error, question: request.type }, 'the catalog cannot be read');
      throw new MirrorError({
        kind: 'overloaded',
        message: 'the catalog cannot be read; the log says why',
        cause: error,
      });
    }
  }

  async function page<Item extends BrowsedImage | BrowsedRepository>(
    request: Extract<BrowseRequest, { readonly query: unknown }>,
  ): Promise<BrowsePage<Item>> {
    const found = await ask<readonly Item[]>(request);
    const items = found.slice(0, request.query.limit);
    return { items, hasMore: found.length > items.length };
  }

  return {
    listRepositories: async (query) => await page<BrowsedRepository>({ type: 'repositories', query }),
    listImages: async (query) => await page<BrowsedImage>({ type: 'images', query }),
    sizesOf: async (digest) => await ask<ImageSizes>({ type: 'sizes', digest }),
    findSharing: async (image, digests) => await ask<readonly Sharing[]>({ type: 'sharing', image, digests }),
    findBelonging: async (repository, digest) => await ask<Belonging>({ type: 'belonging', repository, digest }),
    findLinks: async (digest) => await ask<Links>({ type: 'links', digest }),
    planPurge: async (question) => await ask<PurgePlan>({ type: 'plan-purge', ...question }),
    async close() {
      const port = await opening?.catch(() => undefined);
      await port?.request({ type: 'close' }).catch(() => undefined);
      await port?.terminate();
    },
  };
}
