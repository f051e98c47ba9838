import { createHmac, randomBytes } from 'node:crypto';
import type { ClientLogin } from './pull.ts';

/**
 * Names for callers that give nothing away: a keyed hash of upstream, user name and password, under a key that this
 * process has made up and that nothing else ever sees. The same login at another upstream is another caller.
 */
export class CallerKeys {
  readonly #secret = randomBytes(32);

  keyOf(upstream: string, { username, password }: ClientLogin): string {
    // Structured, so that no two pairs become one by how they are glued together.
    const text = JSON.stringify([upstream, username, password]);
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}
