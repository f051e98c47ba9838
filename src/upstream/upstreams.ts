// The upstreams of the config, by name. Which of them serves a pull is the mirror's business, not ours.
import type { UpstreamContext, UpstreamOptions } from './options.ts';
import { isDeepStrictEqual } from 'node:util';
import { createRegistryUpstream, type RegistryUpstream } from './registry-upstream.ts';
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
  /**
   * From now on these are the list. What is configured as before stays the same object, with its tokens, pauses and
   * connections; whoever uses one that is gone goes on with it. @throws when one cannot be made, and changes nothing
   */
  replace(options: readonly UpstreamOptions[]): void;
  /** Cuts what is under way. */
  close(): Promise<void>;
}

interface Entry {
  readonly options: UpstreamOptions;
  readonly upstream: RegistryUpstream;
}

/** Opens no connection before the first request. The caller must `close` it. */
export function createUpstreams(options: readonly UpstreamOptions[], context: UpstreamContext): Upstreams {
  let byName = new Map<string, Entry>();
  // Whoever still uses them holds them; the rest is the garbage collector's.
  let retired: WeakRef<RegistryUpstream>[] = [];
  const status = () => [...byName.values()].map(({ upstream }) => upstream.status());

  function replace(next: readonly UpstreamOptions[]): void {
    const before = byName;
    byName = new Map(
      next.map((own): [string, Entry] => {
        const known = before.get(own.name);
        if (known !== undefined && isDeepStrictEqual(known.options, own)) return [own.name, known];
        return [own.name, { options: own, upstream: createRegistryUpstream(own, context) }];
      }),
    );
    const gone = [...before].filter(([name, entry]) => byName.get(name) !== entry);
    for (const [, { upstream }] of gone) upstream.retire();
    retired = retired.filter((ref) => ref.deref() !== undefined);
    retired.push(...gone.map(([, { upstream }]) => new WeakRef(upstream)));
  }

  replace(options);
  registerGauges(context.meter, status);
  return {
    get all() {
      return [...byName.values()].map(({ upstream }) => upstream);
    },
    find: (name) => byName.get(name)?.upstream,
    status,
    replace,
    async close() {
      const all = [...byName.values()].map(({ upstream }) => upstream);
      await Promise.all([...all, ...retired.flatMap((ref) => ref.deref() ?? [])].map((upstream) => upstream.close()));
    },
  };
}
