import { expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { createAccountBook } from '../../../src/clients/accounts.ts';

const workOf = (hashes: readonly string[]): number =>
  hashes.reduce((sum, hash) => sum + 2 ** Number(hash.slice(4, 6)), 0);

test('an unknown name is one bcrypt of the cost of the file, as a known one', () => {
  const book = createAccountBook(`one:${hashSync('a', 5)}\ntwo:${hashSync('b', 5)}\n`);
  const [known, unknown] = [book.findHashes('one'), book.findHashes('three')];
  expect(known.isKnown).toBe(true);
  expect(unknown.isKnown).toBe(false);
  expect(known.hashes).toHaveLength(1);
  expect(unknown.hashes).toHaveLength(1);
  expect(workOf(known.hashes)).toBe(2 ** 5);
  expect(workOf(unknown.hashes)).toBe(2 ** 5);
});

test('where costs differ, every name is the work of the highest', () => {
  const hashes = [4, 6, 7].map((cost) => `user${cost}:${hashSync('a', cost)}`);
  const book = createAccountBook(hashes.join('\n'));
  for (const user of ['user4', 'user6', 'user7', 'nobody', '__proto__', 'constructor']) {
    expect([user, workOf(book.findHashes(user).hashes)]).toEqual([user, 2 ** 7]);
  }
});
