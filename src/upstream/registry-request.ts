import type { Provenance } from '../oci/provenance.ts';
import { blamesScope } from './challenge.ts';
import { createDenial, type UnknownKind } from './answer-error.ts';
import type { Authenticator, Authorization } from './authenticator.ts';
import type { CallerIdentity } from './credentials.ts';
import { Crowd } from './crowd.ts';
import { accountOf, type Identity } from './identity.ts';
import type { PressedResponse, Pressure, Wish } from './pressure.ts';
import { followRedirects } from './redirects.ts';
import { discardBody } from './response-body.ts';
import { toMirrorError } from './transport-error.ts';
import type { Transport } from './transport.ts';

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD';
  readonly kind: 'manifest' | 'blob' | 'list';
  readonly identity: Identity;
  /** As upstream knows it. */
  readonly repository: string;
  /** After `/v2/REPOSITORY/`, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly unknownKind: UnknownKind;
  readonly keepsQuery?: boolean;
  readonly unfollowed?: number;
  readonly hops?: readonly string[];
  /** As in `ManifestOptions`. */
  readonly isOptional?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryAnswer extends PressedResponse {
  readonly isLogin: boolean;
  readonly isLoginUnusable: boolean;
  readonly provenance: Provenance;
}

/** One registry URL with its login: what the requests of `manifest-requests`, `blob-requests` and the rest go through. */
export interface Registry {
  readonly name: string;
  /** The login is for everything, not only for raising limits. */
  readonly sharesLogin: boolean;
  readonly hasLogin: boolean;
  readonly transport: Transport;
  readonly pressure: Pressure;
  /** Answers every challenge of the registry's own origin; whatever status remains is for the caller. */
  ask(request: RegistryRequest): Promise<RegistryAnswer>;
}

export interface RegistryOptions {
  readonly baseUrl: URL;
  readonly transport: Transport;
  readonly authenticator: Authenticator;
  readonly pressure: Pressure;
  readonly hasLogin: boolean;
  readonly sharesLogin: boolean;
  /** Configured headers, for the registry's own origin. */
  readonly headers: Readonly<Record<string, string>>;
  /** A configured header or a client certificate proves who we are: nothing is fetched as anybody. */
  readonly isIdentified: boolean;
}

export function createRegistry(options: RegistryOptions): Registry {
  const { transport, pressure, hasLogin, sharesLogin } = options;
  const crowd = new Crowd(transport.name);
  return {
    name: transport.name,
    hasLogin,
    sharesLogin,
    transport,
    pressure,
    async ask(request) {
      try {
        return await crowd.run(request, () => askWithAuthorization(options, request));
      } catch (error) {
        throw toMirrorError(error, transport.name);
      }
    },
  };
}

/** The same registry, asked for a pull that has come through other mirrors. */
export function askThrough(registry: Registry, hops: readonly string[]): Registry {
  return { ...registry, ask: (request) => registry.ask({ ...request, hops }) };
}

/** The same registry, asked for a caller with that caller's own login, whatever the request is about. */
export function askAs(registry: Registry, login: CallerIdentity): Registry {
  return {
    ...registry,
    hasLogin: true,
    sharesLogin: true,
    ask: (request) => registry.ask({ ...request, identity: login }),
  };
}

async function askWithAuthorization(options: RegistryOptions, request: RegistryRequest): Promise<RegistryAnswer> {
  const { authenticator, transport } = options;
  const { identity, repository, signal, unknownKind } = request;
  let sent = await authenticator.findAuthorization(identity, repository);
  let isRenewed = false;
  for (let isFresh = false; ; isFresh = true) {
    const response = await sendOnce(options, request, sent);
    if (isBasic(sent) && !response.isForeign && (response.status === 400 || response.status === 401)) {
      discardBody(response, transport);
      const isOurs = identity === 'login' && !isRenewed;
      const renewed = isOurs ? await authenticator.findRenewedLogin(sent.header) : undefined;
      if (renewed !== undefined) {
        isRenewed = true;
        sent = renewed;
        continue;
      }
      return await askWithoutLogin(options, request, response.status);
    }
    if (response.isForeign || response.status !== 401) {
      if (sent.isLogin && identity === 'login' && response.status < 400) authenticator.acceptLogin();
      return createAnswer(options, response, sent);
    }
    discardBody(response, transport);
    const challenge = response.headers['www-authenticate'];
    // A 401 to a fresh token is the last word (on Docker Hub absent and private look alike).
    if (isFresh) {
      throw createDenial({ ...sent, isScopeVerdict: blamesScope(challenge) }, unknownKind, transport.name);
    }
    const answer = await authenticator.answerChallenge(identity, repository, challenge, sent, signal);
    if (answer.type === 'denied') throw createDenial(answer.authorization, unknownKind, transport.name);
    sent = answer;
  }
}

/** Basic was answered 401, or 400, as some do; that may also mean a bad request, which it then is without login too. */
async function askWithoutLogin(
  options: RegistryOptions,
  request: RegistryRequest,
  status: number,
): Promise<RegistryAnswer> {
  // A caller's login is the caller's affair: that it is refused is upstream's word on the caller.
  const isOurs = request.identity === 'login';
  const bare: Authorization = { header: undefined, isLogin: false, isLoginUnusable: isOurs };
  const response = await sendOnce(options, request, bare);
  if (status === 400 && response.status === 400) return createAnswer(options, response, bare);
  if (isOurs) await options.authenticator.refuseLogin();
  if (response.status !== 401 || response.isForeign) return createAnswer(options, response, bare);
  discardBody(response, options.transport);
  throw createDenial(bare, request.unknownKind, options.transport.name);
}

function isBasic(sent: Authorization): sent is Authorization & { readonly header: string } {
  return sent.header?.startsWith('Basic ') === true;
}

async function sendOnce(
  options: RegistryOptions,
  request: RegistryRequest,
  sent: Authorization,
): Promise<PressedResponse> {
  const { method, kind, headers = {}, repository, path, hops, signal, keepsQuery, unfollowed } = request;
  return await options.pressure.ask(createWish(request, sent), () =>
    followRedirects(options.transport, {
      url: new URL(`${options.baseUrl.href}v2/${repository}/${path}`),
      method,
      kind,
      headers,
      secrets: { ...options.headers, ...(sent.header === undefined ? {} : { authorization: sent.header }) },
      sendOwn: options.pressure.send,
      hops,
      signal,
      ...(keepsQuery === undefined ? {} : { keepsQuery }),
      ...(unfollowed === undefined ? {} : { unfollowed }),
    }),
  );
}

/** Where the login cannot be used, upstream counts us among anybody. */
function createWish({ kind, method, identity, isOptional = false }: RegistryRequest, sent: Authorization): Wish {
  const account = sent.isLoginUnusable ? 'anonymous' : accountOf(identity);
  return { kind, account, isCounted: kind === 'manifest' && method === 'GET', isOptional };
}

function createAnswer(options: RegistryOptions, response: PressedResponse, sent: Authorization): RegistryAnswer {
  const { isLogin, isLoginUnusable } = sent;
  return {
    ...response,
    isLogin,
    isLoginUnusable,
    provenance: isLogin || options.isIdentified ? 'restricted' : 'public',
  };
}
