import type { Socket } from 'node:net';
import { findParty } from '../telemetry/party.ts';

export interface ConnectionRule {
  /** How many connections this address may have; Infinity for no limit. Looked at for each connection. */
  limitOf(address: string): number;
  /** One of its connections was closed because it had too many. */
  onRefused(address: string): void;
}

/** The open connections of each client. */
export class ClientConnections {
  readonly #rule: ConnectionRule;
  readonly #clients = new Map<string, Set<Socket>>();

  constructor(rule: ConnectionRule) {
    this.#rule = rule;
  }

  /**
   * Counts a new connection until it closes. A client that has too many loses one that waits for its next request,
   * else the new one, which is then closed and gives false.
   */
  admit(socket: Socket, idle: ReadonlySet<Socket>): boolean {
    const address = socket.remoteAddress;
    // It has gone already.
    if (address === undefined) return true;
    const key = findParty(address);
    const own = this.#clients.get(key) ?? new Set();
    this.#clients.set(key, own);
    this.#count(socket, key, own);
    const limit = this.#rule.limitOf(address);
    if (own.size <= limit) return true;
    // Gone, though their end has not been told yet.
    for (const one of own) if (one.destroyed) own.delete(one);
    if (own.size <= limit) return true;
    for (const one of own) {
      if (!idle.has(one)) continue;
      own.delete(one);
      one.destroy();
      return true;
    }
    own.delete(socket);
    this.#rule.onRefused(address);
    socket.destroy();
    return false;
  }

  /** One connection goes on by another socket, as with TLS. */
  replace(from: Socket, to: Socket): void {
    for (const [key, own] of this.#clients) {
      if (!own.delete(from)) continue;
      this.#count(to, key, own);
      return;
    }
  }

  #count(socket: Socket, key: string, own: Set<Socket>): void {
    own.add(socket);
    socket.once('close', () => {
      own.delete(socket);
      if (own.size === 0) this.#clients.delete(key);
    });
  }
}
