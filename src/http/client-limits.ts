// How much one client may ask for. Two small books, bounded whatever addresses come.
import type { Clock } from '../telemetry/clock.ts';
import { findParty } from '../telemetry/party.ts';
import { isLoopback } from './client-address.ts';

/** 0: no limit. Undefined: the default, which holds for other machines only. */
export interface ClientLimits {
  readonly connectionsPerClient?: number | undefined;
  /** A second, when the burst is used up. */
  readonly requestsPerClient?: number | undefined;
  /** Default: what five seconds allow. */
  readonly burstPerClient?: number | undefined;
}

/**
 * Far above what one node needs (kubelet pulling 50 images at once with 3 layers each: 150 connections and some 2000 requests
 * in all), and enough for a hundred behind one address.
 */
const defaultConnections = 2000;
const defaultRequests = 2000;
const secondsOfBurst = 5;
/** Clients that are remembered; who was idle longest is forgotten first, and begins anew. */
const maxClients = 10_000;

/** How many connections this address may have; Infinity for no limit. */
export function connectionLimit({ connectionsPerClient }: ClientLimits, address: string): number {
  return orDefault(connectionsPerClient, defaultConnections, address);
}

function orDefault(configured: number | undefined, fallback: number, address: string): number {
  if (configured === undefined) return isLoopback(address) ? Infinity : fallback;
  return configured === 0 ? Infinity : configured;
}

/** Requests of each client, by the time at which what it has asked for would have been asked for at its proper rate. */
export class RequestRates {
  readonly #clock: Clock;
  readonly #dueMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Clients that are remembered, for tests. */
  get size(): number {
    return this.#dueMs.size;
  }

  /** Counts a request: undefined when it is within the limits, else when it would be, in milliseconds from now. */
  admit(address: string, limits: ClientLimits): number | undefined {
    const perSecond = orDefault(limits.requestsPerClient, defaultRequests, address);
    if (perSecond === Infinity) return undefined;
    const burst = limits.burstPerClient ?? perSecond * secondsOfBurst;
    const nowMs = this.#clock.monotonicMs();
    const key = findParty(address);
    const dueMs = Math.max(this.#dueMs.get(key) ?? 0, nowMs);
    const eachMs = 1000 / perSecond;
    const waitMs = dueMs - nowMs - (burst - 1) * eachMs;
    // A thousandth for what adding fractions leaves.
    if (waitMs > 0.001) return waitMs;
    // Taken out first, so that who asked last stays longest.
    this.#dueMs.delete(key);
    this.#dueMs.set(key, dueMs + eachMs);
    for (const oldest of this.#dueMs.keys()) {
      if (this.#dueMs.size <= maxClients) break;
      this.#dueMs.delete(oldest);
    }
    return undefined;
  }
}
