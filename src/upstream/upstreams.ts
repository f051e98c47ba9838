// The upstreams of the config, by name. Which of them serves a pull is the mirror's business, not ours.
import type { UpstreamContext, UpstreamOptions } from './options.ts';
import { createRegistryUpstream } from './registry-upstream.ts';
import { registerGauges } from './upstream-gauges.ts';
import type { UpstreamStatus } from './upstream-status.ts';
import type { Upstream } from './upstream.ts';

/** The closed list: nothing outside it is ever dialled. */
export interface Upstreams {
  readonly all: readonly Upstream[];
  /** By configured name, as it is written there. */
  find(name: string): Upstream | undefined;
  /** How each is doing, in the configured order. */
  status(): readonly UpstreamStatus[];
  /** Cuts what is under way. */
  close(): Promise<void>;
}

/** Opens no connection before the first request. The caller must `close` it. */
export function createUpstreams(options: readonly UpstreamOptions[], context: UpstreamContext): Upstreams {
  const byName = new Map(options.map((upstream) => [upstream.name, createRegistryUpstream(upstream, context)]));
  const all = [...byName.values()];
  const status = () => all.map((upstream) => upstream.status());
  registerGauges(context.meter, status);
  return {
    all,
    find: (name) => byName.get(name),
    status,
    async close() {
      await Promise.all(all.map((upstream) => upstream.close()));
    },
  };
}
