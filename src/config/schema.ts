// Configuration: text and environment in, one frozen value out. Knows nothing of what it configures.
import { z } from 'zod';
import { isRepository } from '../oci/reference.ts';
import { imageExpectation } from './images.ts';
import { accessModes, clientCertificates, logLevels, onPulls } from './config.ts';
import {
  addressRange,
  baseUrl,
  clientNetwork,
  destination,
  duration,
  fileName,
  flag,
  freeText,
  host,
  keysOf,
  listenAddresses,
  listOf,
  oneOf,
  pinned,
  platforms,
  pullRule,
  registryHost,
  size,
  tagPattern,
  wholeNumber,
} from './fields.ts';

export const defaultListen = { mirror: '127.0.0.1:5000', admin: '127.0.0.1:5080' };

/** Longer than this, Node's timers would overflow; nobody means it either. */
const longestWait = '1d';
const longestPause = '7d';

/** What both `cache` and an upstream may say. */
const freshness = {
  tagTtl: duration(),
  staleWhileRevalidate: duration(),
  staleIfError: duration({ orForever: true }),
  negativeTtl: duration(),
  listTtl: duration(),
  checkTimeout: duration({ min: '1ms', max: longestWait }),
};

const url = () => baseUrl({ loginHint: ': use username with passwordFile or passwordEnv', hasPath: true });

const login = {
  username: freeText('a user name without colon', (value) => /^[^:\p{Cc}]+$/u.test(value)).optional(),
  passwordFile: fileName().optional(),
  passwordEnv: freeText('the name of an environment variable, as in HUB_TOKEN', (value) =>
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(value),
  ).optional(),
  credentialHelper: freeText('the name of a helper, as in ecr-login for docker-credential-ecr-login', (value) =>
    /^[a-z0-9][a-z0-9-]*$/.test(value),
  ).optional(),
  authHosts: listOf(host()).optional(),
};

/** Of a listener; `upstream` has its own. */
const listenerTls = keysOf({
  certFile: fileName().optional(),
  keyFile: fileName().optional(),
  clientCaFile: fileName().optional(),
  clientCerts: oneOf(clientCertificates).default('none'),
}).prefault({});

const egress = keysOf({ allow: listOf(destination()).prefault([]) }).prefault({});

const upstream = keysOf({
  name: registryHost(),
  url: url().optional(),
  urls: listOf(keysOf({ url: url(), ...login, tags: flag().optional() }))
    .min(1, { error: 'at least one URL' })
    .optional(),
  aliases: listOf(registryHost()).optional(),
  virtualHosts: listOf(registryHost()).prefault([]),
  default: flag().default(false),
  ...login,
  shareCredentials: flag().default(false),
  access: oneOf(accessModes).default('shared'),
  accessTtl: duration({ max: '1h' }).prefault('60s'),
  repositoryPrefix: freeText('a repository path, as in proxy/hub', isRepository).optional(),
  tls: keysOf({
    caFile: fileName().optional(),
    certFile: fileName().optional(),
    keyFile: fileName().optional(),
  }).prefault({}),
  proxy: baseUrl({ loginHint: ': logins at proxies are not supported here' }).optional(),
  egress,
  tagTtl: freshness.tagTtl.optional(),
  staleWhileRevalidate: freshness.staleWhileRevalidate.optional(),
  staleIfError: freshness.staleIfError.optional(),
  negativeTtl: freshness.negativeTtl.optional(),
  listTtl: freshness.listTtl.optional(),
  checkTimeout: freshness.checkTimeout.optional(),
  rateLimitReserve: wholeNumber(0, 1_000_000).optional(),
  allow: listOf(pullRule()).optional(),
  deny: listOf(pullRule()).prefault([]),
  tags: listOf(keysOf({ match: tagPattern(), immutable: flag().default(false), ttl: duration().optional() })).prefault(
    [],
  ),
});

/** The shape of the configuration file: every key, its kind and its default. `docs/configuration.md` is tested against it. */
export const fileSchema = keysOf({
  listen: listenAddresses().prefault(defaultListen.mirror),
  publicUrl: baseUrl({}).optional(),
  instance: freeText('a name of letters, digits, dots and hyphens', (value) =>
    /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/.test(value),
  ).optional(),
  catalog: flag().default(false),
  tls: listenerTls,
  admin: keysOf({
    listen: listenAddresses().prefault(defaultListen.admin),
    hosts: listOf(host()).prefault([]),
    tokenFile: fileName().optional(),
    createToken: flag().default(false),
    openMetrics: flag().default(false),
    tls: listenerTls,
  }).prefault({}),
  clients: keysOf({
    allow: listOf(clientNetwork()).min(1, { error: 'at least one network, or everybody' }).prefault(['everybody']),
    trustedProxies: listOf(addressRange()).prefault([]),
    accounts: keysOf({ file: fileName().optional() }).prefault({}),
  }).prefault({}),
  cache: keysOf({
    path: fileName().default('./data'),
    maxSize: size().prefault('50GiB'),
    minFree: size().prefault('1GiB'),
    maxIdle: duration({ orForever: true }).prefault('forever'),
    pins: listOf(pinned()).prefault([]),
    scrubEvery: duration({ orForever: true, min: '1m' }).prefault('30d'),
    tagTtl: freshness.tagTtl.prefault('5m'),
    staleWhileRevalidate: freshness.staleWhileRevalidate.prefault('0s'),
    staleIfError: freshness.staleIfError.prefault('30d'),
    negativeTtl: freshness.negativeTtl.prefault('10s'),
    listTtl: freshness.listTtl.prefault('1m'),
    checkTimeout: freshness.checkTimeout.prefault('2s'),
    lockWait: duration({ max: longestWait }).prefault('0s'),
  }).prefault({}),
  fill: keysOf({
    idleTimeout: duration({ min: '100ms', max: longestWait }).prefault('15s'),
    resumeFor: duration({ max: longestWait }).prefault('60s'),
    maxConnections: wholeNumber(1, 64).default(4),
    maxUpstreamConnections: wholeNumber(1, 1024).default(32),
    abandonedBytes: size().prefault('10GiB'),
    maxBlobSize: size({ min: '1MB' }).prefault('100GiB'),
    minRate: size().prefault('10kB'),
    maxFills: wholeNumber(1, 100_000).default(1024),
    maxUpstreamFills: wholeNumber(1, 100_000).default(512),
    maxWaiting: wholeNumber(0, 1_000_000).default(1000),
  }).prefault({}),
  prefetch: keysOf({
    // Which upstreams there are is a rule between keys.
    images: z
      .array(freeText(imageExpectation), { error: 'a list' })
      .max(1000, { error: 'at most 1000 images' })
      .prefault([]),
    platforms: platforms().optional(),
    every: duration({ orNever: true, min: '1m', max: longestPause }).prefault('1h'),
    atStart: flag().default(true),
    onPull: oneOf(onPulls).default('off'),
  }).prefault({}),
  limits: keysOf({
    writeIdle: duration({ min: '100ms', max: longestWait }).prefault('120s'),
    drain: duration({ max: longestWait }).prefault('60s'),
    drainDelay: duration({ max: longestWait }).prefault('0s'),
    // 0: none. Without them, generous ones hold for other machines.
    connectionsPerClient: wholeNumber(0, 1_000_000).optional(),
    requestsPerClient: wholeNumber(0, 1_000_000).optional(),
    burstPerClient: wholeNumber(1, 10_000_000).optional(),
  }).prefault({}),
  log: keysOf({ level: oneOf(logLevels).default('info') }).prefault({}),
  egress,
  upstreams: listOf(upstream)
    .min(1, { error: 'at least one upstream' })
    .prefault([{ name: 'docker.io' }]),
});

/** A file that fits the schema, units read, before the parts are put together. */
export type Settings = z.output<typeof fileSchema>;
export type UpstreamSettings = Settings['upstreams'][number];
