// Where answers may lead us: judged by the address that is dialled, not by the name that was written.
import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';
import { classifyAddress, isInRange, parseAddress } from './address.ts';

/** What one upstream URL may dial. */
export interface Egress {
  /** Whether this is the host and port the operator configured. */
  isOwn(host: string, port: string): boolean;
  /** Whether a socket for `host:port` may be opened to `address`. Link-local addresses never. */
  allows(host: string, port: string, address: string): boolean;
  /**
   * The configured host was reached at this address: answers may then lead to its like, since a private
   * registry usually has its storage and its token service in the same private network.
   */
  noteOwnAddress(address: string): void;
}

/** Refused by our own rule before a socket was opened. */
export class EgressError extends Error {
  constructor() {
    super('the address is not one that this upstream may lead to');
    this.name = 'EgressError';
  }
}

type Rule = (host: string, port: string, address: string) => boolean;

/** @param allow hosts, `host:port`, `*.suffix`, addresses and CIDR ranges beyond the public ones. */
export function createEgress(ownUrl: URL, allow: readonly string[]): Egress {
  const rules = allow.map(parseRule);
  const own = { host: ownUrl.hostname, port: portOf(ownUrl) };
  let ownClass = isIP(normaliseHost(own.host)) === 0 ? undefined : classifyAddress(normaliseHost(own.host));
  const isOwn = (host: string, port: string) => normaliseHost(host) === normaliseHost(own.host) && port === own.port;
  return {
    isOwn,
    noteOwnAddress(address) {
      ownClass = classifyAddress(address);
    },
    allows(host, port, address) {
      const kind = classifyAddress(address);
      if (kind === 'metadata') return false;
      if (kind === 'public' || kind === ownClass || isOwn(host, port)) return true;
      return rules.some((rule) => rule(normaliseHost(host), port, address));
    },
  };
}

export function portOf(url: URL): string {
  return url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
}

/** Lower case, without brackets and the dot that marks a full name. */
export function normaliseHost(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const name = bare.endsWith('.') && bare.length > 1 ? bare.slice(0, -1) : bare;
  return name.toLowerCase();
}

function parseRule(text: string): Rule {
  if (text.includes('/') && ipaddr.isValidCIDR(text)) {
    const range = ipaddr.parseCIDR(text);
    return (_host, _port, address) => isInRange(parseAddress(address), range);
  }
  const bare = normaliseHost(text);
  if (ipaddr.isValid(bare)) {
    const wanted = parseAddress(bare).toString();
    return (_host, _port, address) => parseAddress(address).toString() === wanted;
  }
  return createHostRule(text);
}

function createHostRule(text: string): Rule {
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  const name = normaliseHost(host);
  const isPort = (asked: string) => port === undefined || port === asked;
  if (name.startsWith('*.')) return (asked, askedPort) => asked.endsWith(name.slice(1)) && isPort(askedPort);
  return (asked, askedPort, address) =>
    isPort(askedPort) && (asked === name || (ipaddr.isValid(name) && parseAddress(address).toString() === name));
}
