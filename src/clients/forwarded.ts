import { findPlainAddress } from './networks.ts';

/** What proxies say of where a request came from, the nearest last. Undefined entries name no address. */
type Hops = readonly (string | undefined)[];

export interface ForwardingHeaders {
  readonly 'x-forwarded-for'?: string | readonly string[] | undefined;
  readonly forwarded?: string | undefined;
}

/**
 * The client of a request that came from a trusted proxy: the right-most address that is no trusted proxy itself, or the
 * left-most where all are. `peer` where nothing was said; undefined where what was said cannot be used: no address,
 * or two headers that do not agree (a proxy writes one of them, and lets the other through as the client wrote it).
 */
export function findForwardedClient(
  headers: ForwardingHeaders,
  peer: string,
  isTrusted: (address: string) => boolean,
): string | undefined {
  const listed = headers['x-forwarded-for'];
  const found = [
    listed === undefined ? undefined : parseForwardedFor(typeof listed === 'string' ? listed : listed.join(',')),
    headers.forwarded === undefined ? undefined : parseForwarded(headers.forwarded),
  ]
    .filter((hops) => hops !== undefined)
    .map((hops) => findClient(hops, isTrusted));
  const [client] = found;
  if (found.length === 0) return peer;
  return found.every((other) => other === client) ? client : undefined;
}

function findClient(hops: Hops, isTrusted: (address: string) => boolean): string | undefined {
  const last = hops.findLast((hop) => hop === undefined || !isTrusted(hop));
  const areAllTrusted = hops.every((hop) => hop !== undefined && isTrusted(hop));
  return areAllTrusted ? hops[0] : last;
}

function parseForwardedFor(text: string): Hops {
  return text.split(',').map((hop) => findNode(hop.trim()));
}

/** RFC 7239, section 4: `for=192.0.2.60;proto=http, for="[2001:db8::17]:4711"`. */
function parseForwarded(text: string): Hops {
  return splitUnquoted(text, ',').map((element) => {
    const nodes = splitUnquoted(element, ';').flatMap((pair) => {
      const [, value] = /^\s*for\s*=\s*(.*)$/i.exec(pair) ?? [];
      return value === undefined ? [] : [value.trim()];
    });
    const [node, second] = nodes;
    if (node === undefined || second !== undefined) return undefined;
    return findNode(/^"(.*)"$/.exec(node)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? node);
  });
}

function splitUnquoted(text: string, separator: ',' | ';'): readonly string[] {
  const parts: string[] = [];
  let [start, isQuoted] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\' && isQuoted) at += 1;
    else if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === separator && !isQuoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** An address, with or without port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`. */
function findNode(text: string): string | undefined {
  const [, bracketed, v4] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+)(?::\d{1,5})?)$/.exec(text) ?? [];
  return findPlainAddress(bracketed ?? v4 ?? text);
}
