import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { ClientsConfig } from '../config/config.ts';
import { MirrorError } from '../oci/errors.ts';
import { findForwardedClient } from './forwarded.ts';
import type { Logins } from './logins.ts';
import { createNetworks, findPlainAddress, type Networks } from './networks.ts';

/** Decides who is let in to the mirror listener. */
export interface Gate {
  /** Whether a connection from there may stay at all. */
  admitsPeer(address: string | undefined): boolean;
  /** Whether connections from there are those of a trusted proxy. */
  isProxy(address: string | undefined): boolean;
  refuse(request: IncomingMessage): MirrorError | undefined | Promise<MirrorError | undefined>;
  describe(request: IncomingMessage): {
    readonly client: string | undefined;
    readonly user?: string;
    readonly clientCertificate?: string;
  };
}

export interface GateOptions {
  /** The one that holds now; the same object until it changes. */
  readonly clients: () => Pick<ClientsConfig, 'allow' | 'trustedProxies'>;
  /** Undefined: nobody needs a login, and nobody is ever asked for one. */
  readonly logins: Logins | undefined;
}

interface Rules {
  readonly allow: Networks;
  readonly proxies: Networks;
}

/** What is known of the other end of a connection. */
interface Peer {
  readonly rules: Rules;
  readonly address: string | undefined;
  readonly isProxy: boolean;
  readonly isAllowed: boolean;
  readonly certificate: string | undefined;
}

export function createGate({ clients, logins }: GateOptions): Gate {
  const peers = new WeakMap<IncomingMessage['socket'], Peer>();
  const users = new WeakMap<IncomingMessage, string>();
  let config = clients();
  let rules = toRules(config);

  function findRules(): Rules {
    const latest = clients();
    if (latest !== config) {
      config = latest;
      rules = toRules(latest);
    }
    return rules;
  }

  function findPeer(socket: IncomingMessage['socket']): Peer {
    const current = findRules();
    const known = peers.get(socket);
    if (known?.rules === current) return known;
    const address = known?.address ?? plain(socket.remoteAddress);
    const peer: Peer = {
      rules: current,
      address,
      isProxy: current.proxies.includes(address),
      isAllowed: current.allow.includes(address),
      certificate: known === undefined ? findSubject(socket) : known.certificate,
    };
    peers.set(socket, peer);
    return peer;
  }

  function findClient({ headers }: IncomingMessage, peer: Peer): string | undefined {
    if (!peer.isProxy || peer.address === undefined) return peer.address;
    return findForwardedClient(headers, peer.address, (address) => peer.rules.proxies.includes(address));
  }

  function checkLogin(request: IncomingMessage, address: string): ReturnType<Gate['refuse']> {
    const settle = (verdict: { readonly user: string } | MirrorError): MirrorError | undefined => {
      if (verdict instanceof MirrorError) return verdict;
      users.set(request, verdict.user);
      return undefined;
    };
    const verdict = logins?.check(request.headers.authorization, address);
    if (verdict === undefined) return undefined;
    return verdict instanceof Promise ? verdict.then(settle) : settle(verdict);
  }

  return {
    admitsPeer(address) {
      const { allow, proxies } = findRules();
      return allow.isEverything || allow.includes(plain(address)) || proxies.includes(plain(address));
    },
    isProxy: (address) => findRules().proxies.includes(plain(address)),
    refuse(request) {
      if (logins === undefined && findRules().allow.isEverything) return undefined;
      const peer = findPeer(request.socket);
      const client = findClient(request, peer);
      const isAllowed = peer.isProxy ? peer.rules.allow.includes(client) : peer.isAllowed;
      if (!isAllowed) return clientDenied();
      return checkLogin(request, client ?? peer.address ?? 'unknown');
    },
    describe(request) {
      const peer = findPeer(request.socket);
      const user = users.get(request);
      return {
        client: findClient(request, peer) ?? peer.address,
        ...(user !== undefined && { user }),
        ...(peer.certificate !== undefined && { clientCertificate: peer.certificate }),
      };
    },
  };
}

function toRules({ allow, trustedProxies }: Pick<ClientsConfig, 'allow' | 'trustedProxies'>): Rules {
  return { allow: createNetworks(allow), proxies: createNetworks(trustedProxies) };
}

/** One spelling, whatever family the socket is of. */
function plain(address: string | undefined): string | undefined {
  return address === undefined ? undefined : (findPlainAddress(address) ?? address);
}

const maxSubjectLength = 256;

/** `CN=node-1,O=example`; undefined where none was shown. Whoever is not of the configured authority has not come so far. */
function findSubject(socket: IncomingMessage['socket']): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const subject = socket.getPeerX509Certificate()?.subject;
  return subject?.split('\n').join(',').slice(0, maxSubjectLength);
}

function clientDenied(): MirrorError {
  return new MirrorError({
    kind: 'client-denied',
    message: 'this mirror is not for your address: see clients.allow',
    detail: { rule: 'clients.allow' },
  });
}
