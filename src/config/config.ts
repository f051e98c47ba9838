import type { ImageName } from '../oci/image-name.ts';
import type { Pin } from '../oci/pin.ts';
import type { PullRule } from '../oci/pull-rule.ts';
import type { Platform } from '../oci/platform.ts';
import type { ListenAddress } from './units.ts';

/**
 * What the service runs by: complete, checked, frozen. Sizes in bytes, durations in milliseconds; file names
 * are absolute. It holds no secret, only where secrets are (`Login.password`).
 */
export interface Config {
  readonly listen: readonly ListenAddress[];
  /** As configured; `resolvePublicUrl` gives what clients are told when it is not. */
  readonly publicUrl: string | undefined;
  /** This mirror's name in `Via`, for seeing loops; undefined: made up at start. */
  readonly instance: string | undefined;
  /** Whether `/v2/_catalog` answers. */
  readonly catalog: boolean;
  /** Of the mirror listener; undefined: it speaks plain HTTP. */
  readonly tls: ListenerTlsConfig | undefined;
  readonly admin: AdminConfig;
  readonly clients: ClientsConfig;
  readonly cache: CacheConfig;
  readonly fill: FillConfig;
  readonly prefetch: PrefetchConfig;
  readonly limits: LimitsConfig;
  readonly log: { readonly level: LogLevel };
  /** At least one; each has its freshness resolved. */
  readonly upstreams: readonly UpstreamConfig[];
}

export interface AdminConfig {
  readonly listen: readonly ListenAddress[];
  /** Further values of `Host` that are let in, lower case, with or without port. */
  readonly hosts: readonly string[];
  /** Absolute name of the file with the token that everybody needs; undefined: nobody does, and all of `listen` is loopback. */
  readonly tokenFile: string | undefined;
  /** Whether the file is made at start where there is none. */
  readonly createsToken: boolean;
  /** Whether `/metrics` needs no token. */
  readonly hasOpenMetrics: boolean;
  readonly tls: ListenerTlsConfig | undefined;
}

export const clientCertificates = ['none', 'optional', 'required'] as const;

/** Absolute names of PEM files, read again when they change. */
export interface ListenerTlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Whose client certificates are taken; there unless `clientCerts` is `none`. */
  readonly clientCaFile: string | undefined;
  readonly clientCerts: (typeof clientCertificates)[number];
}

/** Words that stand for networks in `clients.allow`. */
export const networkWords = ['everybody', 'loopback', 'private'] as const;

/** Who may pull. */
export interface ClientsConfig {
  /** Words, addresses and ranges (`10.0.0.0/8`), as they were written. */
  readonly allow: readonly string[];
  /** Addresses and ranges whose word on who the client is counts. */
  readonly trustedProxies: readonly string[];
  /** Absolute name of an htpasswd file; undefined: nobody needs a login. */
  readonly accounts: { readonly file: string | undefined };
}

export interface CacheConfig {
  readonly path: string;
  /** 0: unbounded. */
  readonly maxSizeBytes: number;
  readonly minFreeBytes: number;
  /** Infinity for `forever`, as for `scrubEveryMs`. */
  readonly maxIdleMs: number;
  readonly pins: readonly Pin[];
  readonly scrubEveryMs: number;
  readonly lockWaitMs: number;
  /** What holds for upstreams that say nothing of their own. */
  readonly freshness: FreshnessConfig;
}

export interface FreshnessConfig {
  readonly tagTtlMs: number;
  readonly staleWhileRevalidateMs: number;
  /** Infinity for `forever`. */
  readonly staleIfErrorMs: number;
  readonly negativeTtlMs: number;
  readonly listTtlMs: number;
  readonly checkTimeoutMs: number;
}

export interface FillConfig {
  readonly idleTimeoutMs: number;
  readonly resumeForMs: number;
  readonly maxConnections: number;
  readonly maxUpstreamConnections: number;
  readonly abandonedBytes: number;
  readonly maxBlobSizeBytes: number;
  readonly minRateBytesPerSecond: number;
  readonly maxFills: number;
  readonly maxUpstreamFills: number;
  readonly maxWaiting: number;
}

export const onPulls = ['off', 'layers'] as const;

/** What is pulled before a client asks for it. */
export interface PrefetchConfig {
  readonly images: readonly ImageName[];
  /** Of indexes; undefined: this machine's. */
  readonly platforms: 'all' | readonly Platform[] | undefined;
  /** Infinity for `never`. */
  readonly everyMs: number;
  readonly isAtStart: boolean;
  /** What an image manifest that a client pulls sets off. */
  readonly onPull: (typeof onPulls)[number];
}

export interface LimitsConfig {
  readonly writeIdleMs: number;
  readonly drainMs: number;
  readonly drainDelayMs: number;
  /** Of each client address, 0 for no limit; undefined: the defaults, which spare this machine's own clients. */
  readonly connectionsPerClient: number | undefined;
  /** A second, after a burst. */
  readonly requestsPerClient: number | undefined;
  readonly burstPerClient: number | undefined;
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

export const accessModes = ['shared', 'passthrough'] as const;

export interface UpstreamConfig {
  /** Lower case. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly virtualHosts: readonly string[];
  /** True for exactly one upstream: the configured one, else docker.io, else the first. */
  readonly isDefault: boolean;
  /** In the order in which they are tried; at least one. */
  readonly urls: readonly UpstreamUrlConfig[];
  readonly sharesCredentials: boolean;
  /** `passthrough`: what is not public is shown to callers whose own login upstream lets in. */
  readonly access: (typeof accessModes)[number];
  /** For how long upstream's word on a caller counts; only with `passthrough`. */
  readonly accessTtlMs: number;
  /** Put before every repository name; no slash at either end. */
  readonly repositoryPrefix: string | undefined;
  readonly tls: TlsConfig;
  /** URL of an HTTP proxy; undefined: HTTPS_PROXY and NO_PROXY decide. */
  readonly proxyUrl: string | undefined;
  /** Addresses, ranges (`10.0.0.0/8`), hosts and `*.suffix` that may be dialled although private: the global list and its own. */
  readonly egressAllow: readonly string[];
  readonly freshness: FreshnessConfig;
  /** Of upstream's limit, so many requests are kept for what is not in the cache; undefined: a tenth. */
  readonly rateLimitReserve: number | undefined;
  /** Nothing else may be pulled; undefined: whatever is not denied. */
  readonly allow: readonly PullRule[] | undefined;
  /** Wins over `allow`. */
  readonly deny: readonly PullRule[];
  /** In order; the first that matches a tag holds in place of `tagTtlMs`. */
  readonly tagPolicies: readonly TagPolicyConfig[];
}

export interface TagPolicyConfig {
  /** `*` stands for any characters or none. */
  readonly match: string;
  /** Infinity for tags that never move. */
  readonly ttlMs: number;
}

export interface UpstreamUrlConfig {
  /** Scheme, host, port and, if any, the path before `/v2`; without a slash at the end. */
  readonly url: string;
  readonly login: Login | undefined;
  /** Further hosts (`auth.example.com`, `auth.example.com:8443`) that may get the password. */
  readonly authHosts: readonly string[];
  /** Whether tags are believed from here: from the last URL, and where the file says so. */
  readonly isTagSource: boolean;
}

/** A name with its password, or a program that gives both. */
export type Login = PasswordLogin | HelperLogin;

export interface PasswordLogin {
  readonly username: string;
  readonly password: SecretSource;
}

export interface HelperLogin {
  /** `ecr-login` for the program `docker-credential-ecr-login`. */
  readonly helper: string;
}

/** Where a secret is kept; read it when it is needed. */
export type SecretSource =
  { readonly type: 'file'; readonly path: string } | { readonly type: 'environment'; readonly variable: string };

/** Absolute names of PEM files; certificate and key come together. */
export interface TlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}
