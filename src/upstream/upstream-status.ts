import type { BreakerState } from './breaker.ts';
import type { Pause } from './pauses.ts';
import type { RateLimit } from './rate-budget.ts';

/** How an upstream is doing, for the operator. Nothing in it is secret. */
export interface UpstreamStatus {
  readonly name: string;
  /** In the configured order. */
  readonly urls: readonly UrlStatus[];
}

/** One URL of an upstream. */
export interface UrlStatus {
  /** Host, with the port where it is written. */
  readonly host: string;
  /** As configured, without any login. */
  readonly url: string;
  /** The login is refused or cannot be read, and requests go without it. */
  readonly isLoginRejected: boolean;
  readonly pauses: readonly Pause[];
  /** The registry's and its token services', those that have been asked. */
  readonly breakers: readonly { readonly host: string; readonly state: BreakerState }[];
  /** What is left of upstream's limits, as it last said; empty where it says nothing. */
  readonly rateLimits: readonly RateLimit[];
  /** What pulls may spend: the login's where there is one. */
  readonly spendable: RateLimit | undefined;
}
