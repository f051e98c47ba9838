import type { Clock } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import type { Credentials, Login } from './credentials.ts';
import { MirrorError } from '../oci/errors.ts';
import { accountOf, type Identity } from './identity.ts';
import { judgeRealm } from './realm.ts';
import { discardBody } from './response-body.ts';
import { TokenCache } from './token-cache.ts';
import type { Pressure } from './pressure.ts';
import { requestToken } from './token-request.ts';
import type { Transport } from './transport.ts';

export interface Authorization {
  /** The header's value; undefined: none is needed so far. */
  readonly header: string | undefined;
  /** The login is in it. */
  readonly isLogin: boolean;
  /** The login was asked for but is refused or withheld: a denial is then no verdict on the repository. */
  readonly isLoginUnusable: boolean;
}

/** `denied`: no further attempt makes sense. */
export type Answer =
  | ({ readonly type: 'authorization' } & Authorization)
  | { readonly type: 'denied'; readonly authorization: Authorization };

export interface AuthenticatorOptions {
  readonly transport: Transport;
  readonly pressure: Pressure;
  readonly url: URL;
  readonly credentials: Credentials | undefined;
  readonly authHosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly health: Health;
  /** The login is taken or refused, which it was not before. */
  readonly onChange: () => void;
}

/** A refused login is not tried again for so long, unless the password changes: accounts get locked. */
const refusedForMs = 60_000;
/** A registry that challenges nowhere is not asked for a challenge again for so long. */
const silentPingForMs = 60_000;

interface BearerChallenge {
  readonly realm: string;
  readonly service: string | undefined;
  /** A scope that is not of the repository form (ECR Public: `aws`), passed on as it is. */
  readonly literalScope: string | undefined;
}

/** Logins and tokens of one upstream URL. Of what clients send, only a login that is passed through gets in here, and is not kept. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #tokens: TokenCache;
  readonly #warned = new Set<string>();
  #bearer: BearerChallenge | undefined;
  #isBasic = false;
  #noPingBeforeMs = -Infinity;
  #complaint: string | undefined;
  #refused: { readonly account: string; readonly untilMs: number } | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#tokens = new TokenCache(options.clock);
  }

  /** Whether the login was refused or could not be read, the last time it was used. */
  get isLoginRejected(): boolean {
    return this.#complaint !== undefined;
  }

  /** What the first attempt goes with: a token that is at hand, or Basic where it is known to be wanted. */
  async findAuthorization(identity: Identity, repository: string): Promise<Authorization> {
    const login = await this.#findLoginOf(identity);
    const isLoginUnusable = identity === 'login' && login === undefined;
    if (this.#bearer !== undefined) {
      const plan = this.#plan(this.#bearer, repository, login);
      const token = plan === undefined ? undefined : this.#tokens.find(plan.key);
      if (plan !== undefined && token !== undefined) return bearer(token, plan.basic !== undefined, identity);
    } else if (this.#isBasic && login !== undefined && login.identityToken === undefined) {
      return { header: login.basic, isLogin: true, isLoginUnusable: false };
    }
    return { header: undefined, isLogin: false, isLoginUnusable };
  }

  /**
   * What the second attempt goes with, after a 401 to `sent`. Asks the token service at most once, and once more
   * without the login when that is refused.
   * @throws MirrorError when the token service fails; what `signal` was aborted with
   */
  async answerChallenge(
    identity: Identity,
    repository: string,
    header: string | readonly string[] | undefined,
    sent: Authorization,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const given = parseChallenges(header);
    const isKnown = given.length > 0 || this.#bearer !== undefined || this.#isBasic;
    const challenges = isKnown ? given : await this.#ping(signal);
    // Some answer 401 without a challenge on objects: the one seen before then holds.
    const bearerChallenge = findBearer(challenges) ?? (challenges.length === 0 ? this.#bearer : undefined);
    if (bearerChallenge !== undefined) {
      this.#bearer = bearerChallenge;
      return await this.#getToken(bearerChallenge, identity, repository, sent, signal);
    }
    return await this.#answerBasic(challenges, identity, sent);
  }

  /** The registry refused a Basic login outright (some say 400). */
  async refuseLogin(): Promise<void> {
    const login = await this.#findLogin();
    if (login === undefined) return;
    this.#refused = { account: login.account, untilMs: this.#options.clock.monotonicMs() + refusedForMs };
    const { transport, log } = this.#options;
    this.#reportHealth(`credentials of ${transport.name} rejected`);
    log.warn(
      { upstream: transport.name, host: this.#options.url.host },
      'the upstream rejects the login, going on without it',
    );
  }

  /**
   * The registry or its token service refused a login that can be had anew: the one to try in its place, asked for at
   * once. Undefined for any other login, and where there is no better one.
   */
  async findRenewedLogin(basic: string): Promise<Authorization | undefined> {
    const { credentials } = this.#options;
    if (credentials?.reject === undefined) return undefined;
    const refused = await this.#findLogin();
    if (refused?.basic === basic) credentials.reject(refused.account);
    const login = await this.#findLogin();
    if (login === undefined || login.basic === basic) return undefined;
    return { header: login.basic, isLogin: true, isLoginUnusable: false };
  }

  /** A request with the login went through. */
  acceptLogin(): void {
    if (this.#complaint === undefined) return;
    this.#refused = undefined;
    this.#reportHealth(undefined);
  }

  /** Some challenge at `/v2/` only. What was said there holds for a while, also when it was nothing. */
  async #ping(signal: AbortSignal | undefined): Promise<readonly Challenge[]> {
    const { transport, pressure, url, clock } = this.#options;
    if (clock.monotonicMs() < this.#noPingBeforeMs) return [];
    const response = await pressure.send({
      url: new URL('v2/', url),
      method: 'GET',
      kind: 'probe',
      headers: {},
      signal,
    });
    discardBody(response, transport);
    if (response.status >= 500 || response.status === 429) {
      const kind = response.status === 429 ? 'upstream-throttled' : 'upstream-failed';
      throw new MirrorError({ kind, message: `${transport.name} does not say what login it wants` });
    }
    this.#noPingBeforeMs = clock.monotonicMs() + silentPingForMs;
    return parseChallenges(response.headers['www-authenticate']);
  }

  async #answerBasic(challenges: readonly Challenge[], identity: Identity, sent: Authorization): Promise<Answer> {
    const isBasic = challenges.some(({ scheme }) => scheme === 'basic') || (challenges.length === 0 && this.#isBasic);
    if (isBasic) this.#isBasic = true;
    const login = isBasic ? await this.#findLoginOf(identity) : undefined;
    if (login === undefined || login.identityToken !== undefined) {
      return { type: 'denied', authorization: { ...sent, isLoginUnusable: identity === 'login' && isBasic } };
    }
    return { type: 'authorization', header: login.basic, isLogin: true, isLoginUnusable: false };
  }

  async #getToken(
    challenge: BearerChallenge,
    identity: Identity,
    repository: string,
    sent: Authorization,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    const login = await this.#findLoginOf(identity);
    const plan = this.#plan(challenge, repository, login);
    if (plan === undefined) throw this.#refusedRealm();
    if (sent.header !== undefined) this.#tokens.drop(plan.key, sent.header.slice('Bearer '.length));
    const known = this.#tokens.find(plan.key);
    if (known !== undefined) return { type: 'authorization', ...bearer(known, plan.basic !== undefined, identity) };
    const { transport, pressure } = this.#options;
    const answer = await this.#tokens.fetch(
      plan.key,
      () => requestToken(transport, pressure, { ...plan, account: accountOf(plan.hasLogin ? identity : 'anonymous') }),
      signal,
    );
    if (answer.type === 'granted') {
      if (plan.hasLogin && identity === 'login') {
        this.#refused = undefined;
        this.#reportHealth(undefined);
      }
      return { type: 'authorization', ...bearer(answer.token, plan.basic !== undefined, identity) };
    }
    if (plan.basic !== undefined && answer.status !== 403) {
      const isOurs = identity === 'login';
      if (isOurs && (await this.findRenewedLogin(plan.basic)) === undefined) await this.refuseLogin();
      const next = isOurs ? identity : 'anonymous';
      return await this.#getToken(challenge, next, repository, { ...sent, header: undefined }, signal);
    }
    // 403, or 401 to nobody: the service's word on this repository (ghcr.io hides packages so).
    const isLogin = plan.basic !== undefined;
    return {
      type: 'denied',
      authorization: { header: undefined, isLogin, isLoginUnusable: identity === 'login' && !isLogin },
    };
  }

  #plan(challenge: BearerChallenge, repository: string, login: Login | undefined) {
    const realm = judgeRealm(challenge.realm, this.#options.url, this.#options.authHosts);
    if (realm.type === 'refused') return undefined;
    if (realm.type === 'foreign' && login !== undefined) this.#warnOfRealm(realm.url.host);
    const usable = realm.type === 'trusted' ? login : undefined;
    const service = challenge.service ?? realm.url.hostname;
    const scope = challenge.literalScope ?? `repository:${repository}:pull`;
    const key = JSON.stringify([realm.url.href, service, scope, usable?.account ?? null]);
    const { basic, identityToken } = usable ?? { basic: undefined, identityToken: undefined };
    return { realm: realm.url, service, scope, basic, identityToken, hasLogin: usable !== undefined, key };
  }

  async #findLoginOf(identity: Identity): Promise<Login | undefined> {
    if (identity === 'anonymous') return undefined;
    return identity === 'login' ? await this.#findLogin() : identity;
  }

  /** Undefined without a login, and while it is refused or cannot be read. */
  async #findLogin(): Promise<Login | undefined> {
    const { credentials, clock, transport, log } = this.#options;
    if (credentials === undefined) return undefined;
    let login: Login;
    try {
      login = await credentials.read();
    } catch (error) {
      const reason =
        credentials.reject === undefined
          ? `the password of ${transport.name} cannot be read`
          : `the credential helper of ${transport.name} gives no login`;
      this.#reportHealth(reason);
      if (!this.#warned.has(reason))
        log.warn({ upstream: transport.name, error }, `${reason}, going on without the login`);
      this.#warned.add(reason);
      return undefined;
    }
    const { account, untilMs } = this.#refused ?? { account: '', untilMs: 0 };
    return account === login.account && clock.monotonicMs() < untilMs ? undefined : login;
  }

  #reportHealth(reason: string | undefined): void {
    this.#options.health.report(`credentials:${this.#options.transport.name}`, reason);
    const isChange = (reason === undefined) !== (this.#complaint === undefined);
    this.#complaint = reason;
    if (isChange) this.#options.onChange();
  }

  #warnOfRealm(host: string): void {
    const { log, transport } = this.#options;
    if (this.#warned.has(host) || this.#warned.size > 16) return;
    this.#warned.add(host);
    log.warn(
      { upstream: transport.name, host, key: 'authHosts' },
      `the token service of ${transport.name} is on another host and does not get the login; list it in authHosts if it should`,
    );
  }

  #refusedRealm(): MirrorError {
    const { transport, log } = this.#options;
    log.warn({ upstream: transport.name }, 'the challenge names a token service that may not be asked');
    return new MirrorError({
      kind: 'upstream-failed',
      message: `the challenge of ${transport.name} names a token service that may not be asked`,
    });
  }
}

function bearer(token: string, isLogin: boolean, identity: Identity): Authorization {
  return { header: `Bearer ${token}`, isLogin, isLoginUnusable: identity === 'login' && !isLogin };
}

function findBearer(challenges: readonly Challenge[]): BearerChallenge | undefined {
  for (const { scheme, parameters } of challenges) {
    const realm = parameters.get('realm');
    if (scheme !== 'bearer' || realm === undefined) continue;
    const scope = parameters.get('scope')?.trim();
    const isLiteral =
      scope !== undefined && scope !== '' && !scope.split(/\s+/).some((part) => part.startsWith('repository:'));
    return { realm, service: parameters.get('service'), literalScope: isLiteral ? scope : undefined };
  }
  return undefined;
}
