import { randomBytes } from 'node:crypto';
import { parseHtpasswd } from '../config/htpasswd.ts';
import { openReread, type Reread, type RereadContext } from './reread.ts';

/** Who may pull, and what has to be worked through to know it. */
export interface AccountBook {
  /**
   * The hash of this user first, then what makes the work the same for everybody: of a user that there is not, one hash of
   * the highest cost in the file; of one with a cheaper hash, others beside it until the sum is the same.
   */
  findHashes(user: string): { readonly isKnown: boolean; readonly hashes: readonly string[] };
}

/** The accounts in an htpasswd file, as it is now. @throws Error when it is bad now */
export async function openAccounts(file: string, context: RereadContext): Promise<Reread<AccountBook>> {
  return await openReread({
    ...context,
    key: 'clients.accounts.file',
    files: [file],
    parse: ([content]) => createAccountBook(content?.toString('utf8') ?? ''),
  });
}

/** @throws HtpasswdError */
export function createAccountBook(text: string): AccountBook {
  const { hashes, cost } = parseHtpasswd(text);
  const decoys = new Map<number, string>();
  for (let lower = 4; lower <= cost; lower += 1) decoys.set(lower, createDecoy(lower));
  /** 2^c, 2^c, 2^(c+1) … 2^(highest-1) make 2^highest. */
  const fillUp = (from: number): readonly string[] =>
    [...decoys].flatMap(([at, decoy]) => (at >= from && at < cost ? [decoy] : []));
  return {
    findHashes(user) {
      const hash = hashes.get(user);
      const own = hash === undefined ? cost : Number(hash.slice(4, 6));
      return { isKnown: hash !== undefined, hashes: [hash ?? decoys.get(cost) ?? '', ...fillUp(own)] };
    },
  };
}

const letters = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A hash of nothing. */
function createDecoy(cost: number): string {
  const rest = Array.from(randomBytes(53), (byte) => letters[byte % letters.length]).join('');
  return `$2b$${String(cost).padStart(2, '0')}$${rest}`;
}
