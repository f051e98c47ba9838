// Header names and the values that are made from a served object.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Outcome } from '../mirror/pull.ts';

/** Names as they are sent. Constants, because a misspelt header is found by nobody. */
export const headerNames = {
  acceptRanges: 'Accept-Ranges',
  age: 'Age',
  allow: 'Allow',
  apiVersion: 'Docker-Distribution-API-Version',
  cacheControl: 'Cache-Control',
  cacheStatus: 'Cache-Status',
  connection: 'Connection',
  contentDigest: 'Docker-Content-Digest',
  contentLength: 'Content-Length',
  contentRange: 'Content-Range',
  contentType: 'Content-Type',
  contentTypeOptions: 'X-Content-Type-Options',
  etag: 'ETag',
  filtersApplied: 'OCI-Filters-Applied',
  link: 'Link',
  namespace: 'OCI-Namespace',
  retryAfter: 'Retry-After',
  warning: 'Warning',
  wwwAuthenticate: 'WWW-Authenticate',
} as const;

/** Sent with every answer; clients of the Docker era look for it. */
const apiVersion = 'registry/2.0';

/** Name, value, name, value, in the order in which they are sent: what `writeHead` takes as it is. */
export type HeaderList = readonly string[];

/** What every answer on the mirror listener carries. */
export const commonHeaders: HeaderList = [
  headerNames.apiVersion,
  apiVersion,
  headerNames.contentTypeOptions,
  'nosniff',
];

export function setHeaders(response: ServerResponse, headers: HeaderList): void {
  for (let at = 0; at < headers.length; at += 2) response.setHeader(headers[at] ?? '', headers[at + 1] ?? '');
}

/** A strong validator: the digest in quotes. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

const cacheStatusOf: Readonly<Record<Outcome, string>> = {
  hit: 'stowage; hit',
  miss: 'stowage; fwd=uri-miss; stored',
  follow: 'stowage; fwd=uri-miss; collapsed',
  revalidated: 'stowage; hit; detail=revalidated',
  stale: 'stowage; hit; detail=stale',
  bypass: 'stowage; fwd=bypass',
};

/** RFC 9211. */
export function cacheStatus(outcome: Outcome): string {
  return cacheStatusOf[outcome];
}

/**
 * What a cache in front may keep: only public content that was asked for by digest, because nothing else stays true,
 * and without a login, because not every cache knows that the next one may have none.
 */
export function cacheControl(
  facts: { readonly isByDigest: boolean; readonly provenance: Provenance },
  { headers }: Pick<IncomingMessage, 'headers'>,
): string {
  const isForAll = facts.isByDigest && facts.provenance === 'public' && headers.authorization === undefined;
  return isForAll ? 'max-age=31536000, immutable' : 'no-cache';
}

/** distribution-spec "Warnings": agent `-`, no date, at most 4096 bytes; anything that cannot stand in a header is replaced. */
export function warning(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000);
  return `299 - "${printable.replace(/["\\]/g, '\\$&')}"`;
}

/** Whole seconds, rounded down (RFC 9111, section 5.1). */
export function age(ageMs: number): string {
  return String(Math.max(0, Math.floor(ageMs / 1000)));
}
