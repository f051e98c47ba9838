import { Authenticator } from './authenticator.ts';
import { createCredentials, type Credentials } from './credentials.ts';
import { createHelperCredentials } from './helper-credentials.ts';
import type { UpstreamContext, UpstreamOptions, UpstreamUrlOptions } from './options.ts';
import { createPressure } from './pressure.ts';
import { createRegistry, type Registry } from './registry-request.ts';
import { createTransport } from './transport.ts';
import type { UrlStatus } from './upstream-status.ts';

/** One URL of an upstream, with its own connections, login and tokens: the unit that may fail or be paused. */
export interface RegistryClient {
  readonly registry: Registry;
  readonly hasLogin: boolean;
  /** Whether its word on tags, tag lists and referrers counts. */
  readonly isTagSource: boolean;
  status(): UrlStatus;
  /** As of `RegistryUpstream`. */
  retire(): void;
  close(): Promise<void>;
}

export function createRegistryClient(
  upstream: UpstreamOptions,
  urlOptions: UpstreamUrlOptions,
  isTagSource: boolean,
  context: UpstreamContext,
): RegistryClient {
  const { clock, log, health, events } = context;
  const onChange = (): void => events.publish({ type: 'upstream-changed', upstream: upstream.name });
  const baseUrl = parseBaseUrl(urlOptions.url);
  const transport = createTransport(upstream, baseUrl, context);
  const { headers = {}, authHosts = [] } = urlOptions;
  const hasLogin = urlOptions.login !== undefined;
  const pressure = createPressure({
    transport,
    baseUrl,
    headers,
    hasLogin,
    reserve: upstream.rateLimitReserve,
    log,
    onChange,
    random: context.random ?? Math.random,
  });
  const credentials = findCredentials(urlOptions, baseUrl, context);
  const authenticator = new Authenticator({
    transport,
    pressure,
    url: baseUrl,
    credentials,
    authHosts,
    clock,
    log,
    health,
    onChange,
  });
  return {
    hasLogin,
    isTagSource,
    registry: createRegistry({
      baseUrl,
      transport,
      authenticator,
      pressure,
      hasLogin,
      sharesLogin: hasLogin && upstream.shareCredentials,
      headers,
      isIdentified: Object.keys(headers).length > 0 || upstream.tls?.cert !== undefined,
    }),
    status: () => ({ ...pressure.status(), isLoginRejected: authenticator.isLoginRejected }),
    retire: () => transport.retire(),
    async close() {
      pressure.close();
      await transport.close();
    },
  };
}

function findCredentials(
  { login }: UpstreamUrlOptions,
  url: URL,
  { clock, runHelper }: UpstreamContext,
): Credentials | undefined {
  if (login === undefined) return undefined;
  return 'helper' in login
    ? createHelperCredentials({ helper: login.helper, url, clock, run: runHelper })
    : createCredentials(login, clock);
}

/** With a slash at its end, so that `v2/` can follow. */
function parseBaseUrl(text: string): URL {
  const url = new URL(text);
  url.search = '';
  url.hash = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
