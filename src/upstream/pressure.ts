import { MirrorError } from '../oci/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { createBreakers } from './breakers.ts';
import { isCallerAccount, Pauses, type Account, type Pause, type PressureClass } from './pauses.ts';
import { RateBudget } from './rate-budget.ts';
import type { RedirectResponse } from './redirects.ts';
import { findRetryAfterMs } from './retry-after.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';
import type { UrlStatus } from './upstream-status.ts';

/** A request about to be made. */
export interface Wish {
  readonly kind: 'manifest' | 'blob' | 'token' | 'list';
  readonly account: Account;
  /** A manifest's GET: the only one that Docker Hub counts. */
  readonly isCounted?: boolean;
  /** The cache can serve without it. */
  readonly isOptional?: boolean;
}

/** An answer, and for how long its class pauses if it has begun a pause. */
export type PressedResponse = RedirectResponse & { readonly waitMs?: number };

/** What one URL can bear: its pauses, its breakers by host, what is left of its limits. */
export interface Pressure {
  /** @throws MirrorError `upstream-throttled`, `upstream-paused` when the wish has to wait */
  admit(wish: Wish): void;
  /** Admits, sends and learns from the answer. */
  ask(wish: Wish, send: () => Promise<RedirectResponse>): Promise<PressedResponse>;
  /** `Transport.send` for hosts that have a breaker: the registry's and its token services'. */
  send(request: TransportRequest): Promise<TransportResponse>;
  status(): Omit<UrlStatus, 'isLoginRejected'>;
  /** Ends probes that are under way. */
  close(): void;
}

export interface PressureOptions {
  readonly transport: Transport;
  /** The registry's, with a slash at its end. */
  readonly baseUrl: URL;
  /** Configured headers, for the registry's own origin. */
  readonly headers: Readonly<Record<string, string>>;
  readonly hasLogin: boolean;
  readonly reserve: number | undefined;
  readonly log: Log;
  /** A breaker has changed, or a pause has begun. */
  readonly onChange: () => void;
  readonly random: () => number;
}

const classes: Readonly<Record<Wish['kind'], PressureClass>> = {
  manifest: 'manifests',
  list: 'manifests',
  blob: 'blobs',
  token: 'tokens',
};

export function createPressure(options: PressureOptions): Pressure {
  const { transport, baseUrl, log } = options;
  const { name: upstream, clock } = transport;
  const pauses = new Pauses({ clock, random: options.random });
  const budget = new RateBudget({ clock, reserve: options.reserve });
  const breakers = createBreakers(options);

  const admit = (wish: Wish): void => {
    const pause = pauses.find(classes[wish.kind], wish.account);
    if (pause !== undefined) throw createPauseError(pause, upstream);
    if (isCallerAccount(wish.account)) return;
    const waitMs = wish.isOptional === true && wish.isCounted === true ? budget.findWaitMs(wish.account) : undefined;
    if (waitMs !== undefined) throw createReserveError(upstream, waitMs);
  };
  return {
    admit,
    async ask(wish, send) {
      admit(wish);
      const { kind, account } = wish;
      const sentMs = clock.monotonicMs();
      const isOurs = !isCallerAccount(account);
      const spent = wish.isCounted === true && isOurs ? budget.spend(account) : undefined;
      const response = await send().finally(() => spent?.end());
      // Storage is not the registry: its limits are answered by asking the registry for another place.
      if (kind === 'blob' && response.isForeign) return response;
      const { status, headers } = response;
      if (kind === 'manifest' && isOurs) budget.read(account, headers);
      const retryAfterMs = findRetryAfterMs(headers['retry-after'] ?? headers['x-retry-after'], clock.wallMs());
      const isNew = pauses.note({ class: classes[kind], account, status, retryAfterMs, sentMs });
      if (status !== 429 && (status !== 503 || retryAfterMs === undefined)) return response;
      const waitMs = pauses.find(classes[kind], account)?.leftMs;
      const whose = isOurs ? account : 'caller';
      const facts = { upstream, host: baseUrl.host, class: classes[kind], account: whose, status, waitMs };
      if (isNew) {
        log.warn(facts, 'the upstream wants to be left alone; requests of this class pause');
        options.onChange();
      }
      return waitMs === undefined ? response : { ...response, waitMs };
    },
    send: breakers.send,
    status() {
      const rateLimits = (['anonymous', 'login'] as const).flatMap((account) => budget.find(account) ?? []);
      return {
        host: baseUrl.host,
        url: `${baseUrl.origin}${baseUrl.pathname.replace(/\/$/, '')}`,
        pauses: pauses.list(),
        breakers: breakers.status(),
        rateLimits,
        spendable: budget.find(options.hasLogin ? 'login' : 'anonymous'),
      };
    },
    close: breakers.close,
  };
}

function createPauseError({ class: name, isThrottled, leftMs }: Pause, upstream: string): MirrorError {
  return new MirrorError({
    kind: isThrottled ? 'upstream-throttled' : 'upstream-paused',
    message: isThrottled
      ? `${upstream} limits our requests for ${name}`
      : `${upstream} is not to be asked for ${name} now`,
    retryAfterMs: leftMs,
  });
}

function createReserveError(upstream: string, waitMs: number): MirrorError {
  return new MirrorError({
    kind: 'upstream-throttled',
    message: `what is left of the limit of ${upstream} is kept for what the cache lacks`,
    retryAfterMs: waitMs,
  });
}
