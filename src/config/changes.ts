import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config.ts';

/** When a new value of a key counts: at a reload, or only when the program is started again. */
type When = 'reload' | 'restart';

/** Every key of the configuration, or a whole section where all of it is alike. */
const effects = {
  listen: 'restart',
  publicUrl: 'reload',
  instance: 'restart',
  catalog: 'reload',
  tls: 'restart',
  // `createsToken` is looked at when the program starts, and never else.
  admin: {
    listen: 'restart',
    hosts: 'reload',
    tokenFile: 'restart',
    createsToken: 'reload',
    hasOpenMetrics: 'reload',
    tls: 'restart',
  },
  // Files that keep their names are read again by themselves, as those of `tls` are.
  clients: { allow: 'reload', trustedProxies: 'reload', accounts: 'restart' },
  cache: {
    path: 'restart',
    maxSizeBytes: 'reload',
    minFreeBytes: 'reload',
    maxIdleMs: 'reload',
    pins: 'reload',
    scrubEveryMs: 'reload',
    // Looked at when the program starts, and never else.
    lockWaitMs: 'reload',
    freshness: 'reload',
  },
  fill: 'reload',
  limits: 'reload',
  log: 'reload',
  prefetch: 'reload',
  upstreams: 'reload',
} as const satisfies { readonly [Key in keyof Config]: When | { readonly [Part in keyof Config[Key]]: When } };

export interface Transition {
  /** What runs from now on: the new configuration, with the old values of what a running program cannot change. */
  readonly config: Config;
  /** The sections that differ from what ran before: `cache`, `upstreams`. */
  readonly changed: readonly string[];
  /** The keys whose new value waits for a restart: `admin.listen`. They are named in the file as they are here. */
  readonly waiting: readonly string[];
}

/** From the running configuration to a new one. */
export function planTransition(running: Config, next: Config): Transition {
  const waiting: string[] = [];
  const choose = (when: When, before: unknown, after: unknown, path: string): unknown => {
    if (when === 'reload' || isDeepStrictEqual(before, after)) return after;
    waiting.push(path);
    return before;
  };
  const entries = (Object.keys(effects) as (keyof Config)[]).map((key): [string, unknown] => {
    const effect: When | Readonly<Record<string, When>> = effects[key];
    if (typeof effect === 'string') return [key, choose(effect, running[key], next[key], key)];
    const [before, after] = [running[key], next[key]] as unknown as Readonly<Record<string, unknown>>[];
    const parts = Object.entries(effect).map(([part, when]) => {
      return [part, choose(when, before?.[part], after?.[part], `${key}.${part}`)] as const;
    });
    return [key, Object.freeze(Object.fromEntries(parts))];
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `effects` has every key, as its type demands
  const config = Object.freeze(Object.fromEntries(entries)) as unknown as Config;
  const changed = (Object.keys(effects) as (keyof Config)[]).filter(
    (key) => !isDeepStrictEqual(running[key], config[key]),
  );
  return { config, changed, waiting };
}
