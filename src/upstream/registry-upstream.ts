import { computeDigest, digestAlgorithm, type Digest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import type { Reference } from '../oci/reference.ts';
import type { Health } from '../telemetry/health.ts';
import { headBlob, openBlob, type Shortcuts } from './blob-requests.ts';
import { toCallerIdentity } from './credentials.ts';
import { listReferrers, listTags } from './listing-requests.ts';
import { findChangedManifest, getManifest, headManifest } from './manifest-requests.ts';
import type { UpstreamContext, UpstreamOptions } from './options.ts';
import { createRegistryClient, type RegistryClient } from './registry-client.ts';
import { askAs, askThrough, type Registry } from './registry-request.ts';
import type { UpstreamStatus } from './upstream-status.ts';
import type { BlobStream, BlobTransfer, FetchedManifest, OpenBlobOptions, Upstream } from './upstream.ts';

/** For how many blobs is remembered which URL they came from last. */
const maxLastUrls = 256;

/** An upstream, and how it is doing. */
export interface RegistryUpstream extends Upstream {
  status(): UpstreamStatus;
  /**
   * Another one has its place. It serves whoever still uses it, says nothing of its health any more, and keeps no
   * connection between requests.
   */
  retire(): void;
}

/** An upstream over its URLs, in order: digests are believed from any, tags from the last or a `tags: true` one. */
export function createRegistryUpstream(options: UpstreamOptions, shared: UpstreamContext): RegistryUpstream {
  let isRetired = false;
  const health: Health = {
    report: (part, reason) => (isRetired ? undefined : shared.health.report(part, reason)),
    get degraded() {
      return shared.health.degraded;
    },
  };
  const context = { ...shared, health };
  const clients = options.urls.map((url, index) =>
    createRegistryClient(options, url, url.tags === true || index === options.urls.length - 1, context),
  );
  return {
    ...createView(options, clients),
    status: () => ({ name: options.name, urls: clients.map((client) => client.status()) }),
    retire() {
      // Its successor has not asked anybody yet.
      health.report(`credentials:${options.name}`, undefined);
      isRetired = true;
      for (const client of clients) client.retire();
    },
  };
}

/** An upstream as pulls see it that have come the same way. */
function createView(options: UpstreamOptions, clients: readonly RegistryClient[], account?: string): Upstream {
  const tagSources = clients.filter(({ isTagSource }) => isTagSource);
  const sourcesOf = ({ type }: Reference) => (type === 'tag' ? tagSources : clients);
  const prefix = options.repositoryPrefix === undefined ? '' : `${options.repositoryPrefix}/`;
  const blobs = createBlobOpener(clients);
  const view: Upstream = {
    name: options.name,
    sharesCredentials: options.shareCredentials || isIdentified(options),
    hasLogin: clients.some(({ hasLogin }) => hasLogin),
    account,
    headManifest(name, reference, how = {}) {
      const question = { ...how, repository: prefix + name, reference };
      return inOrder(sourcesOf(reference), ({ registry }) => headManifest(registry, question));
    },
    getManifest(name, reference, how = {}) {
      const question = { ...how, repository: prefix + name, reference };
      const sources = sourcesOf(reference);
      return inOrder(sources, async (client) => {
        const fetched = await getManifest(client.registry, question);
        // Where another URL can be asked, wrong bytes end only this one's turn; of the last one's the mirror speaks.
        if (client !== sources.at(-1)) requireDigest(fetched, reference, client.registry.name);
        return fetched;
      });
    },
    findChangedManifest(name, reference, etag, how = {}) {
      const question = { ...how, repository: prefix + name, reference };
      return inOrder(sourcesOf(reference), ({ registry }) => findChangedManifest(registry, question, etag));
    },
    headBlob: (repository, digest) =>
      inOrder(clients, ({ registry }) => headBlob(registry, prefix + repository, digest)),
    openBlob: (repository, digest, openOptions = {}) => blobs(prefix + repository, digest, openOptions),
    listTags: (repository, page) =>
      inOrder(tagSources, ({ registry }) => listTags(registry, prefix + repository, page)),
    listReferrers: (repository, digest) =>
      findInOrder(tagSources, ({ registry }) => listReferrers(registry, prefix + repository, digest)),
    through(hops) {
      if (hops.length === 0) return view;
      return createView(
        options,
        mapRegistries(clients, (registry) => askThrough(registry, hops)),
        account,
      );
    },
    as: (login) =>
      createView(
        options,
        mapRegistries(clients, (registry) => askAs(registry, toCallerIdentity(login))),
        login.key,
      ),
    async close() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
  return view;
}

/** As `RegistryOptions.isIdentified`, of any of the URLs. */
function isIdentified({ tls, urls }: UpstreamOptions): boolean {
  return tls?.cert !== undefined || urls.some(({ headers = {} }) => Object.keys(headers).length > 0);
}

function mapRegistries(clients: readonly RegistryClient[], map: (registry: Registry) => Registry): RegistryClient[] {
  return clients.map(({ registry, ...client }) => ({ ...client, registry: map(registry) }));
}

/** @throws MirrorError `content-mismatch` when a manifest asked for by digest is another one */
function requireDigest({ bytes }: FetchedManifest, reference: Reference, name: string): void {
  if (reference.type === 'tag') return;
  const { digest } = reference;
  if (computeDigest(digestAlgorithm(digest), bytes) === digest) return;
  const message = `${name} sent another manifest than the digest names`;
  throw new MirrorError({ kind: 'content-mismatch', message });
}

/** The first success; if there is none, the failure that says the least about the content. */
async function inOrder<T>(
  clients: readonly RegistryClient[],
  attempt: (client: RegistryClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const errors: unknown[] = [];
  for (const client of clients) {
    try {
      return await attempt(client);
    } catch (error) {
      errors.push(error);
      if (signal?.aborted === true || !(error instanceof MirrorError)) throw error;
    }
  }
  throw errors.toSorted((a, b) => weigh(a) - weigh(b))[0];
}

/** Undefined only if nobody has it and nobody failed. */
async function findInOrder<T>(
  clients: readonly RegistryClient[],
  attempt: (client: RegistryClient) => Promise<T | undefined>,
): Promise<T | undefined> {
  let failure: MirrorError | undefined;
  for (const client of clients) {
    try {
      const found = await attempt(client);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof MirrorError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

/** "Unknown" counts only if all say it: one that failed might have had it, one that denies does have something. */
function weigh(error: unknown): number {
  if (!(error instanceof MirrorError)) return 0;
  if (error.kind === 'manifest-unknown' || error.kind === 'blob-unknown') return error.isAbsence ? 4 : 3;
  if (error.kind === 'upstream-denied') return 2;
  return error.isFinal ? 1 : 0;
}

type OpenBlob = (repository: string, digest: Digest, options: OpenBlobOptions) => Promise<BlobStream>;

function createBlobOpener(clients: readonly RegistryClient[]): OpenBlob {
  const shortcuts: Shortcuts = new WeakMap();
  const byTransfer = new WeakMap<BlobTransfer, Registry>();
  const lastUrls = new Map<Digest, Registry>();
  return async (repository, digest, options) => {
    const { transfer, avoidLastUrl, signal } = options;
    const last = lastUrls.get(digest);
    // The next segment goes where the one before came from; after wrong bytes, anywhere else first.
    const first = avoidLastUrl === true || transfer === undefined ? undefined : byTransfer.get(transfer);
    if (avoidLastUrl === true && transfer !== undefined) transfer.redirectTarget = undefined;
    const rank = ({ registry }: RegistryClient) =>
      registry === first ? 0 : avoidLastUrl === true && registry === last ? 2 : 1;
    const ordered = clients.toSorted((a, b) => rank(a) - rank(b));
    const open = async ({ registry }: RegistryClient) => {
      const stream = await openBlob(registry, repository, digest, options, shortcuts);
      if (transfer !== undefined) byTransfer.set(transfer, registry);
      lastUrls.delete(digest);
      lastUrls.set(digest, registry);
      for (const oldest of lastUrls.keys()) {
        if (lastUrls.size <= maxLastUrls) break;
        lastUrls.delete(oldest);
      }
      return stream;
    };
    return await inOrder(ordered, open, signal);
  };
}
