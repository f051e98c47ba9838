import type { Clock } from '../telemetry/clock.ts';
import { toLogin, type Credentials, type Login } from './credentials.ts';
import type { RunHelper } from './options.ts';

export interface HelperCredentialsOptions {
  readonly helper: string;
  /** The registry's. */
  readonly url: URL;
  readonly clock: Clock;
  readonly run: RunHelper | undefined;
}

/** Helpers do not say how long their answer is good for; ECR's is for twelve hours. */
const keptForMs = 30 * 60_000;
/** After a failure, and after a login that was rejected although it was new. */
const retryAfterMs = 60_000;
/** What helpers know Docker Hub by. */
const dockerHubServer = 'https://index.docker.io/v1/';

/** The login that a helper gives: asked when it is needed, one run at a time, kept until it is old or rejected. */
export function createHelperCredentials({ helper, url, clock, run }: HelperCredentialsOptions): Credentials {
  const server = url.host === 'registry-1.docker.io' ? dockerHubServer : url.host;
  let kept: { readonly login: Login; readonly untilMs: number } | undefined;
  let isRejected = false;
  let failure: Error | undefined;
  let notBeforeMs = -Infinity;
  let flight: Promise<Login> | undefined;

  async function ask(): Promise<Login> {
    // A login that replaces a rejected one may be rejected too: then not once more for each pull.
    if (isRejected) notBeforeMs = clock.monotonicMs() + retryAfterMs;
    isRejected = false;
    kept = undefined;
    try {
      if (run === undefined) throw new Error('credential helpers cannot be run here');
      const { username, secret } = await run(helper, server);
      const login = toLogin(username, secret);
      kept = { login, untilMs: clock.monotonicMs() + keptForMs };
      failure = undefined;
      return login;
    } catch (error) {
      failure = error instanceof Error ? error : new Error('the helper failed', { cause: error });
      notBeforeMs = clock.monotonicMs() + retryAfterMs;
      throw failure;
    }
  }

  return {
    async read() {
      if (flight !== undefined) return await flight;
      const nowMs = clock.monotonicMs();
      const mayAsk = nowMs >= notBeforeMs;
      if (kept !== undefined && nowMs < kept.untilMs && !(isRejected && mayAsk)) return kept.login;
      if (failure !== undefined && !mayAsk) throw failure;
      flight = ask().finally(() => (flight = undefined));
      return await flight;
    },
    reject(account) {
      if (kept?.login.account === account) isRejected = true;
    },
  };
}
