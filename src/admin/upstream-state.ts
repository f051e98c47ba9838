import type { UpstreamHealth, UpstreamState, UpstreamUrlState } from './api-types.ts';

/** How an upstream is doing, as the upstreams tell it, and what it is called. */
export interface UpstreamFacts {
  readonly name: string;
  readonly isDefault: boolean;
  readonly aliases: readonly string[];
  readonly urls: readonly UpstreamUrlFacts[];
}

export interface UpstreamUrlFacts {
  readonly url: string;
  readonly isLoginRejected: boolean;
  readonly pauses: readonly { readonly class: PauseClass; readonly leftMs: number }[];
  /** Of the registry and of its token services. */
  readonly breakers: readonly { readonly state: 'closed' | 'open' | 'half-open' }[];
  readonly spendable: { readonly limit: number | undefined; readonly remaining: number } | undefined;
}

type PauseClass = 'manifests' | 'blobs' | 'tokens';

/** The best first. */
const healths = ['ok', 'login-rejected', 'paused', 'away'] as const satisfies readonly UpstreamHealth[];

export function toUpstreamState({ urls, ...upstream }: UpstreamFacts, nowMs: number): UpstreamState {
  const states = urls.map((url) => toUrlState(url, nowMs));
  const worst = Math.max(...states.map(({ health }) => healths.indexOf(health)), 0);
  return { ...upstream, health: healths[worst] ?? 'ok', urls: states };
}

function toUrlState(facts: UpstreamUrlFacts, nowMs: number): UpstreamUrlState {
  const { url, pauses, spendable } = facts;
  return {
    url,
    health: judge(facts),
    pauses: (['manifests', 'blobs', 'tokens'] as const).flatMap((name) => {
      // Those with and without login are one to whoever looks: the longest counts.
      const leftMs = Math.max(...pauses.filter((pause) => pause.class === name).map((pause) => pause.leftMs));
      return leftMs > 0 ? [{ class: name, until: new Date(nowMs + leftMs).toISOString() }] : [];
    }),
    rateLimit: spendable === undefined ? null : { limit: spendable.limit ?? null, remaining: spendable.remaining },
  };
}

function judge({ breakers, pauses, isLoginRejected }: UpstreamUrlFacts): UpstreamHealth {
  if (breakers.some(({ state }) => state !== 'closed')) return 'away';
  if (pauses.length > 0) return 'paused';
  return isLoginRejected ? 'login-rejected' : 'ok';
}
