import type { IncomingMessage } from 'node:http';
import { withoutMapping } from '../telemetry/party.ts';

/** Gives the address that a request is counted and logged for; never throws. */
export type ClientOf = (request: IncomingMessage) => string;

/** The other end of the connection. */
export function peerOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'unknown';
}

/** This machine's own: whoever is here can do worse than to ask often. */
export function isLoopback(address: string): boolean {
  const plain = withoutMapping(address);
  return plain === '::1' || plain.startsWith('127.');
}
