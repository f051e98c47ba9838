import type { LookupAddress } from 'node:dns';
import type { Clock } from '../telemetry/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';

/** One upstream as it is configured: checked values, secrets by reference. */
export interface UpstreamOptions {
  readonly name: string;
  /** Tried in order; at least one. */
  readonly urls: readonly UpstreamUrlOptions[];
  /** Everything is fetched with the logins, and shown to every client that may reach the mirror. */
  readonly shareCredentials: boolean;
  /** Put before every repository name, without slashes at its ends: a Harbor project, an Artifactory path. */
  readonly repositoryPrefix?: string;
  readonly tls?: UpstreamTlsOptions;
  /** Used for every request of this upstream that `noProxy` does not except. */
  readonly proxy?: ProxyOptions;
  /** Hosts, `host:port`, `*.suffix`, addresses and CIDR ranges that answers may lead to although they are not public. */
  readonly egressAllow: readonly string[];
  /** Of upstream's limit, so many requests are kept for what the cache cannot serve; default a tenth, at least 5. */
  readonly rateLimitReserve?: number;
}

export interface UpstreamUrlOptions {
  /** http or https; a path is kept in front of `/v2/`. */
  readonly url: string;
  readonly login?: LoginOptions;
  /** Whether this URL is believed about tags; the last URL of an upstream always is. */
  readonly tags?: boolean;
  /** Hosts (`host` or `host:port`) that may receive the login as token services. */
  readonly authHosts?: readonly string[];
  /** Sent with every request to this URL's own host and port, nowhere else. */
  readonly headers?: Readonly<Record<string, string>>;
}

export type LoginOptions = PasswordLoginOptions | HelperLoginOptions;

export interface PasswordLoginOptions {
  readonly username: string;
  readonly password: PasswordSource;
}

/** `ecr-login` for the program `docker-credential-ecr-login`. */
export interface HelperLoginOptions {
  readonly helper: string;
}

/** Asks a credential helper for the login at a server. Rejects with a message that tells no secret. */
export type RunHelper = (helper: string, server: string) => Promise<HelperAnswer>;

export interface HelperAnswer {
  /** `<token>`: the secret is an identity token, to be exchanged at the token service. */
  readonly username: string;
  readonly secret: string;
}

/** Where a password is: in memory, in a file that is read again when it changes, or in an environment variable. */
export type PasswordSource = { readonly password: string } | { readonly file: string } | { readonly env: string };

export interface UpstreamTlsOptions {
  /** PEM, trusted in addition to the well-known authorities. */
  readonly ca?: string;
  /** PEM client certificate with its `key`; shown to the upstream's own host and port only. */
  readonly cert?: string;
  readonly key?: string;
}

export interface ProxyOptions {
  readonly url: string;
  /** As in NO_PROXY: hosts and suffixes, separated by commas. Loopback never goes through the proxy. */
  readonly noProxy: string;
}

export interface UpstreamTimeouts {
  /** DNS, TCP and TLS together. */
  readonly connectMs: number;
  /** From the request to the head of its answer, waiting for a free connection included. */
  readonly headersMs: number;
  /** From the head of an answer that is read as a whole to its end. */
  readonly bodyMs: number;
}

/** As `dns.lookup` with `all: true`. */
export type Lookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** What all upstreams share. */
export interface UpstreamContext {
  /** Goes out in `Via`; a request that comes in with it is a loop. */
  readonly instanceId: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly events: Pick<Events, 'publish'>;
  readonly health: Health;
  readonly timeouts: UpstreamTimeouts;
  /** For logins with a helper; without it they cannot be used. */
  readonly runHelper?: RunHelper;
  /** DNS; `dns.lookup` when silent. */
  readonly lookup?: Lookup;
  /** From 0 to 1, for jitter; `Math.random` when silent. */
  readonly random?: () => number;
}

export const defaultTimeouts: UpstreamTimeouts = { connectMs: 5_000, headersMs: 30_000, bodyMs: 30_000 };
