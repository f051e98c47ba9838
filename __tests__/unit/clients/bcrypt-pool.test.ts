import { afterEach, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { createAccountBook } from '../../../src/clients/accounts.ts';
import { createBcryptPool, type PasswordVerifier } from '../../../src/clients/bcrypt-pool.ts';

const opened: PasswordVerifier[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.close()));
});

function open(): PasswordVerifier {
  const pool = createBcryptPool(2);
  opened.push(pool);
  return pool;
}

const hash = hashSync('correct horse', 4);

test.each(['$2a$', '$2b$', '$2y$'])('%s is understood', async (prefix) => {
  const hashes = [prefix + hash.slice(4)];
  const pool = open();
  expect(await pool.verify('correct horse', hashes)).toBe(true);
  expect(await pool.verify('correct horse ', hashes)).toBe(false);
});

test('what is beside the first hash decides nothing', async () => {
  const other = hashSync('another', 4);
  const pool = open();
  expect(await pool.verify('correct horse', [hash, other])).toBe(true);
  expect(await pool.verify('another', [hash, other])).toBe(false);
});

test('no password is that of a name that there is not', async () => {
  const { hashes } = createAccountBook(`one:${hash}`).findHashes('two');
  expect(await open().verify('', hashes)).toBe(false);
});

test('at the end, what is asked is refused', async () => {
  const pool = open();
  await pool.close();
  await expect(pool.verify('a', [hash])).rejects.toThrow('have ended');
});
