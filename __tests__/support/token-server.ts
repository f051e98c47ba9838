import { createFaultScript, isMatch, type FaultScript, type Match } from './fault.ts';
import { startRawServer, type RawServer, type RecordedRequest } from './raw-server.ts';
import { json } from './registry-content.ts';
import { sendAnswer, type PlainAnswer } from './send-answer.ts';

export interface TokenServerOptions {
  readonly host?: string;
  /** The one account: `user:password`. Basic credentials other than these are answered with 401. */
  readonly login?: string;
  /** Further accounts, `user:password`, with the private repositories that each may pull; looked at for each request. */
  readonly accounts?: ReadonlyMap<string, readonly string[]>;
  /** Repositories that take the login; all others may be pulled by anybody. */
  readonly privateRepositories?: readonly string[];
  /** `expires_in` of the tokens, in seconds; undefined leaves the field out. */
  readonly lifetimeS?: number | undefined;
}

/** Gives out bearer tokens and judges them for a scripted registry. The owner must `close` it. */
export interface TokenServer
  extends
    Pick<RawServer, 'url' | 'port' | 'requests' | 'connections' | 'until' | 'down' | 'up' | 'close'>,
    Pick<FaultScript, 'always' | 'once' | 'nth' | 'times'> {
  readonly realm: string;
  readonly service: string;
  /** What the registry makes of an Authorization header. `repository` undefined: any token will do. */
  judge(authorization: string | undefined, repository: string | undefined): TokenVerdict;
  /** The WWW-Authenticate that goes with a refusal. */
  challengeFor(repository: string | undefined, verdict: TokenVerdict): string;
  /** Tokens given out so far are not accepted any more. */
  expireAll(): void;
  /** Every token given out, to look for in places where none may be. */
  readonly tokens: readonly string[];
  /** Forgets requests and script. */
  reset(): void;
  find(match: Match): readonly RecordedRequest[];
}

export type TokenVerdict = 'allowed' | 'no-token' | 'invalid-token' | 'insufficient-scope';

interface Grant {
  readonly repositories: readonly string[];
  isExpired: boolean;
}

const service = 'scripted-registry';

/** Starts it on a free port of `host`. */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const script = createFaultScript();
  const grants = new Map<string, Grant>();
  const issue = (request: RecordedRequest): PlainAnswer => {
    const authorization = request.headers['authorization'];
    const isLoggedIn = options.login !== undefined && authorization === basicHeader(options.login);
    const account = [...(options.accounts ?? [])].find(([login]) => authorization === basicHeader(login));
    if (authorization !== undefined && !isLoggedIn && account === undefined)
      return json(401, '{"details":"incorrect username or password"}');
    const asked = repositoriesAsked(request.target);
    const mayPull = (name: string): boolean =>
      isLoggedIn || account?.[1].includes(name) === true || !(options.privateRepositories ?? []).includes(name);
    const token = `secret-token-${grants.size + 1}-of-${server.port}`;
    grants.set(token, { repositories: asked.filter(mayPull), isExpired: false });
    return json(200, JSON.stringify({ token, expires_in: options.lifetimeS }));
  };
  const server = await startRawServer(async (request, connection) => {
    const fault = script.take(request) ?? {};
    const plain = request.target.startsWith('/token?') ? issue(request) : json(404, '{}');
    await sendAnswer(request, connection, plain, fault, { bytesPerSecond: 0, onBytes: () => server.changed() });
  }, options.host);
  const realm = `${server.url}/token`;
  return {
    realm,
    service,
    always: script.always,
    once: script.once,
    nth: script.nth,
    times: script.times,
    url: server.url,
    port: server.port,
    requests: server.requests,
    get connections() {
      return server.connections;
    },
    until: server.until,
    down: server.down,
    up: server.up,
    close: server.close,
    reset() {
      script.clear();
      server.forgetRequests();
    },
    judge(authorization, repository) {
      if (authorization === undefined) return 'no-token';
      const grant = grants.get(authorization.replace(/^bearer /i, ''));
      if (grant === undefined || grant.isExpired) return 'invalid-token';
      return repository === undefined || grant.repositories.includes(repository) ? 'allowed' : 'insufficient-scope';
    },
    challengeFor(repository, verdict) {
      const scope = repository === undefined ? '' : `,scope="repository:${repository}:pull"`;
      const error =
        verdict === 'no-token'
          ? ''
          : `,error="${verdict === 'invalid-token' ? 'invalid_token' : 'insufficient_scope'}"`;
      return `Bearer realm="${realm}",service="${service}"${scope}${error}`;
    },
    expireAll() {
      for (const grant of grants.values()) grant.isExpired = true;
    },
    get tokens() {
      return [...grants.keys()];
    },
    find: (match) => server.requests.filter((request) => isMatch(match, request)),
  };
}

function basicHeader(login: string | undefined): string | undefined {
  return login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
}

function repositoriesAsked(target: string): readonly string[] {
  const scopes = new URLSearchParams(target.slice(target.indexOf('?') + 1)).getAll('scope');
  return scopes
    .flatMap((scope) => scope.split(' '))
    .flatMap((scope) => {
      const [, name] = /^repository:(.+):[^:]*$/.exec(scope) ?? [];
      return name === undefined ? [] : [name];
    });
}
