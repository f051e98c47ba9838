import type { CallerIdentity } from './credentials.ts';
import type { Account } from './pauses.ts';

/** Whether a request goes with the configured login, as anybody's, or with a caller's own login. */
export type Identity = 'anonymous' | 'login' | CallerIdentity;

/** Whose limits count a request that goes with it. */
export function accountOf(identity: Identity): Account {
  return typeof identity === 'string' ? identity : `caller ${identity.caller}`;
}
