import type { IncomingMessage } from 'node:http';
import type { MirrorError } from '../oci/errors.ts';

/** Who is let in. Asked before anything else is looked at. */
export interface ClientGate {
  /** Undefined: the request is answered as it is for everybody. At once wherever nothing has to be worked out. */
  refuse(request: IncomingMessage): MirrorError | undefined | Promise<MirrorError | undefined>;
  /** For the log. `client` is the address, as proxies that are trusted tell it. */
  describe(request: IncomingMessage): ClientFacts;
}

export interface ClientFacts {
  readonly client: string | undefined;
  readonly user?: string;
  /** The subject of a client certificate: `CN=node-1,O=example`. */
  readonly clientCertificate?: string;
}

/** Lets everybody in. */
export const openGate: ClientGate = {
  refuse: () => undefined,
  describe: ({ socket }) => ({ client: socket.remoteAddress }),
};
