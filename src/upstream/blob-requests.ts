import type { Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Span } from '../oci/span.ts';
import { createAnswerError } from './answer-error.ts';
import { createBlobStream } from './blob-stream.ts';
import { findContentRange } from './content-range.ts';
import { followRedirects, type RedirectResponse } from './redirects.ts';
import type { Registry, RegistryAnswer } from './registry-request.ts';
import { discardBody, findLength } from './response-body.ts';
import type { BlobHead, BlobStream, BlobTransfer, OpenBlobOptions } from './upstream.ts';

/** HEAD of the registry; where it, or the storage it leads to, refuses, the size comes from a range of one byte. */
export async function headBlob(registry: Registry, repository: string, digest: Digest): Promise<BlobHead> {
  const answer = await askBlob(registry, 'HEAD', repository, digest);
  discardBody(answer, registry.transport);
  if (answer.status === 200) return { sizeBytes: findLength(answer.headers), provenance: answer.provenance };
  const isRefused = [400, 405, 501].includes(answer.status) || (answer.isForeign && [401, 403].includes(answer.status));
  if (!isRefused) throw createAnswerError(answer, 'blob-unknown', registry.transport);
  return await headByRange(registry, repository, digest);
}

async function headByRange(registry: Registry, repository: string, digest: Digest): Promise<BlobHead> {
  const answer = await askBlob(registry, 'GET', repository, digest, { range: 'bytes=0-0' });
  discardBody(answer, registry.transport);
  const { status, headers, provenance } = answer;
  if (status === 200) return { sizeBytes: findLength(headers), provenance };
  const sizeBytes = findContentRange(headers['content-range'])?.sizeBytes;
  // An empty blob has no first byte.
  if (status === 206 || (status === 416 && sizeBytes === 0)) return { sizeBytes, provenance };
  throw createAnswerError(answer, 'blob-unknown', registry.transport);
}

/** Remembers for each transfer whose redirect target it holds: another repository's proves nothing for this one. */
export interface Shortcut {
  readonly registry: Registry;
  readonly repository: string;
  readonly digest: Digest;
  readonly provenance: Provenance;
}

export type Shortcuts = WeakMap<BlobTransfer, Shortcut>;

/** As `Upstream.openBlob`, from one URL. */
export async function openBlob(
  registry: Registry,
  repository: string,
  digest: Digest,
  { span, transfer, signal }: OpenBlobOptions,
  shortcuts: Shortcuts,
): Promise<BlobStream> {
  const headers = span === undefined ? {} : { range: formatRange(span) };
  const quick = await openShortcut(registry, repository, digest, { headers, span, transfer, signal, shortcuts });
  if (quick !== undefined) return quick;
  let answer = await askBlob(registry, 'GET', repository, digest, headers, signal);
  if (answer.isForeign && isStorageFailure(answer.status)) {
    // A signed URL may have expired on its way, a storage node may be ill: the registry names another.
    discardBody(answer, registry.transport);
    answer = await askBlob(registry, 'GET', repository, digest, headers, signal);
  }
  if (answer.status !== 200 && answer.status !== 206) {
    discardBody(answer, registry.transport);
    throw createAnswerError(answer, 'blob-unknown', registry.transport);
  }
  const { provenance } = answer;
  const stream = createBlobStream(answer, span, provenance, registry.transport);
  if (transfer !== undefined && answer.isForeign) {
    transfer.redirectTarget = answer.url.href;
    shortcuts.set(transfer, { registry, repository, digest, provenance });
  }
  return stream;
}

interface ShortcutRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly span: Span | undefined;
  readonly transfer: BlobTransfer | undefined;
  readonly signal: AbortSignal | undefined;
  readonly shortcuts: Shortcuts;
}

/** Straight to where the last redirect led. Undefined when there is no such place, or it fails: it is then forgotten. */
async function openShortcut(
  registry: Registry,
  repository: string,
  digest: Digest,
  { headers, span, transfer, signal, shortcuts }: ShortcutRequest,
): Promise<BlobStream | undefined> {
  const target = transfer?.redirectTarget;
  const known = transfer === undefined ? undefined : shortcuts.get(transfer);
  if (transfer === undefined || target === undefined || known === undefined) return undefined;
  if (known.registry !== registry || known.repository !== repository || known.digest !== digest) return undefined;
  try {
    const response = await followRedirects(registry.transport, {
      url: new URL(target),
      method: 'GET',
      kind: 'blob',
      headers,
      secrets: {},
      signal,
    });
    if (response.status === 200 || response.status === 206) {
      return createBlobStream(response, span, known.provenance, registry.transport);
    }
    discardBody(response, registry.transport);
  } catch (error) {
    if (signal?.aborted === true) throw error;
  }
  // Another segment may have put a newer one there.
  if (transfer.redirectTarget === target) transfer.redirectTarget = undefined;
  return undefined;
}

async function askBlob(
  registry: Registry,
  method: 'GET' | 'HEAD',
  repository: string,
  digest: Digest,
  headers: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<RegistryAnswer> {
  return await registry.ask({
    method,
    kind: 'blob',
    identity: registry.sharesLogin ? 'login' : 'anonymous',
    repository,
    path: `blobs/${digest}`,
    headers,
    unknownKind: 'blob-unknown',
    signal,
  });
}

/** Storage's word on a signed URL, not the registry's on the blob. 404 is: registry.k8s.io says it after a redirect. */
function isStorageFailure(status: RedirectResponse['status']): boolean {
  return [400, 401, 403, 408, 429].includes(status) || status >= 500;
}

function formatRange({ start, end }: Span): string {
  return `bytes=${start}-${end === Infinity ? '' : end - 1}`;
}
