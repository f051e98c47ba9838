/** Who may pull, by name. */
export interface Accounts {
  /** bcrypt, as in the file. */
  readonly hashes: ReadonlyMap<string, string>;
  /** The highest among the hashes: so many times must work double for a password to be checked. */
  readonly cost: number;
}

/** An htpasswd file that does not hold what it should. Its message names the line and repeats nothing of it. */
export class HtpasswdError extends Error {}

/** bcrypt takes no more; longer passwords are refused, not cut. */
export const maxPasswordBytes = 72;
export const maxUserBytes = 255;

const lowestCost = 4;
/** About a second; beyond that checking costs more than it protects. */
const highestCost = 14;
const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/**
 * Reads lines `NAME:HASH`, as `htpasswd -B` writes them; empty lines and those with `#` first are passed over.
 * @throws HtpasswdError
 */
export function parseHtpasswd(text: string): Accounts {
  const hashes = new Map<string, string>();
  let cost = lowestCost;
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.replace(/\r$/, '');
    if (line.trim() === '' || line.startsWith('#')) continue;
    const fail = (what: string): never => {
      throw new HtpasswdError(`line ${index + 1}: ${what}`);
    };
    const colon = line.indexOf(':');
    const [user, hash] = [line.slice(0, Math.max(colon, 0)), line.slice(colon + 1)];
    const [, digits] = bcryptHash.exec(hash) ?? [];
    if (colon < 1) fail('expected NAME:HASH');
    if (Buffer.byteLength(user) > maxUserBytes) fail(`expected a name of at most ${maxUserBytes} bytes`);
    if (/\p{Cc}/u.test(user)) fail('expected a name without control characters');
    if (hashes.has(user)) fail('expected a name that stands only once');
    if (digits === undefined) fail('expected a bcrypt hash ($2y$…), as htpasswd -B makes it');
    const own = Number(digits);
    if (own < lowestCost || own > highestCost) {
      fail(`expected a bcrypt cost from ${lowestCost} to ${highestCost}, found ${own}`);
    }
    hashes.set(user, hash);
    cost = Math.max(cost, own);
  }
  if (hashes.size === 0) throw new HtpasswdError('expected at least one line NAME:HASH');
  return { hashes, cost };
}
