import { lookup as systemLookup } from 'node:dns';
import { X509Certificate } from 'node:crypto';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import { EgressError, normaliseHost, type Egress } from './egress.ts';
import type { Lookup, UpstreamTlsOptions } from './options.ts';
import { intoReceiveMemory } from './receive-memory.ts';

export interface ConnectorOptions {
  readonly egress: Egress;
  readonly timeoutMs: number;
  readonly lookup: Lookup | undefined;
  readonly secureContext: SecureContext | undefined;
  /** Whether the connections are for bodies, which are read in large pieces. */
  readonly isForBodies: boolean;
  /** Told of a socket's error, and whether an earlier answer had come over it. */
  onSocketError(error: Error, isReused: boolean): void;
}

/** Connectors are kept by port, for their TLS sessions; a hostile upstream may name every port there is. */
const maxConnectors = 64;

/**
 * Opens undici's sockets and judges every address in the lookup of the very socket, so that a name cannot
 * change between the check and the use. Literals are judged before: net does not look them up.
 */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { egress } = options;
  const byPort = new Map<string, buildConnector.connector>();
  return (target, callback) => {
    const host = normaliseHost(target.hostname);
    const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
    if (isIP(host) !== 0 && !egress.allows(host, port, host)) {
      callback(new EgressError(), null);
      return;
    }
    let connect = byPort.get(port);
    if (connect === undefined) {
      if (byPort.size >= maxConnectors) byPort.clear();
      connect = buildForPort(options, port);
      byPort.set(port, connect);
    }
    connect(target, (...result) => {
      const [error, socket] = result;
      if (error !== null) {
        callback(error, null);
        return;
      }
      watch(socket, options);
      if (egress.isOwn(host, port) && socket.remoteAddress !== undefined) egress.noteOwnAddress(socket.remoteAddress);
      callback(null, socket);
    });
  };
}

function watch(socket: Socket, options: ConnectorOptions): void {
  socket.once('error', (failure: Error) => options.onSocketError(failure, socket.bytesRead > 0));
}

function buildForPort(options: ConnectorOptions, port: string): buildConnector.connector {
  return buildConnector({
    allowH2: false,
    timeout: options.timeoutMs,
    lookup: createLookup(options, port),
    ...(options.isForBodies ? intoReceiveMemory : {}),
    ...(options.secureContext === undefined ? {} : { secureContext: options.secureContext }),
  });
}

/**
 * What TLS trusts and shows. A private authority stands beside the known ones, since token services and CDNs of a
 * private registry may be public; the client certificate is for the upstream's own host and port only.
 */
export function createTlsContext(
  upstream: string,
  tls: UpstreamTlsOptions | undefined,
  isOwn: boolean,
): SecureContext | undefined {
  const isPlain = tls?.ca === undefined && (tls?.cert === undefined || !isOwn);
  if (tls === undefined || isPlain) return undefined;
  const { ca, cert, key } = tls;
  if (ca !== undefined)
    requireValid(`tls.caFile of ${upstream}: expected certificates (PEM)`, () => new X509Certificate(ca));
  const trusted = ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] };
  const own = isOwn && cert !== undefined && key !== undefined ? { cert, key } : {};
  const expected = `tls.certFile and tls.keyFile of ${upstream}: expected a certificate and its key (PEM)`;
  return requireValid(expected, () => createSecureContext({ ...trusted, ...own }));
}

/** OpenSSL's own words name neither the file nor what is wrong with it. */
function requireValid<T>(expectation: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw Object.assign(new Error(expectation, { cause: error }), { code: 'TLS_FILES' });
  }
}

function createLookup({ egress, lookup = systemLookup }: ConnectorOptions, port: string): LookupFunction {
  return (hostname, lookupOptions, callback) => {
    lookup(hostname, { ...lookupOptions, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const allowed = found.filter(({ address }) => egress.allows(hostname, port, address));
      const first = allowed[0];
      if (first === undefined) callback(found.length === 0 ? notFound() : new EgressError(), []);
      else if (lookupOptions.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

function notFound(): NodeJS.ErrnoException {
  return Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
}
