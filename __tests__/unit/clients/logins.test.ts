import { describe, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { createAccountBook } from '../../../src/clients/accounts.ts';
import type { PasswordVerifier } from '../../../src/clients/bcrypt-pool.ts';
import { createLogins, type LoginVerdict } from '../../../src/clients/logins.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { basic } from '../../support/raw-client.ts';
import { createManualClock } from '../http/manual-clock.ts';

const text = `alice:${hashSync('wonderland', 4)}\nbob:${hashSync('builder', 4)}\n`;
const client = '192.0.2.1';

/** Every password of `right` is right; answers wait while it is held. */
function createFakeVerifier(right: readonly string[]) {
  const calls: { readonly password: string; readonly costs: readonly number[] }[] = [];
  const held: (() => void)[] = [];
  let isHeld = false;
  const verifier: PasswordVerifier = {
    size: 2,
    async verify(password, hashes) {
      calls.push({ password, costs: hashes.map((hash) => Number(hash.slice(4, 6))) });
      if (isHeld) await new Promise<void>((resolve) => held.push(resolve));
      return right.includes(password);
    },
    close: async () => undefined,
  };
  const hold = (): void => void (isHeld = true);
  const release = (): void => {
    isHeld = false;
    for (const go of held.splice(0)) go();
  };
  return { calls, verifier, hold, release };
}

function setUp() {
  const clock = createManualClock(1);
  const fake = createFakeVerifier(['wonderland', 'builder']);
  const listeners: (() => void)[] = [];
  const accounts = {
    current: createAccountBook(text),
    onChange: (listener: () => void) => void listeners.push(listener),
  };
  const replace = (next: string): void => {
    accounts.current = createAccountBook(next);
    for (const listener of listeners) listener();
  };
  const logins = createLogins({ accounts, verifier: fake.verifier, clock });
  const check = (user: string, password: string, address = client) => logins.check(basic(user, password), address);
  return { ...fake, clock, logins, check, replace };
}

const kindOf = (verdict: LoginVerdict): string => (verdict instanceof MirrorError ? verdict.kind : verdict.user);
/** Until everything that can go on has done so. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a login', () => {
  test('that is right is known at once for a minute, whatever the number of layers', async () => {
    const { calls, check, clock } = setUp();
    expect(await check('alice', 'wonderland')).toEqual({ user: 'alice' });
    for (let layer = 0; layer < 40; layer += 1) expect(check('alice', 'wonderland')).toEqual({ user: 'alice' });
    expect(calls).toHaveLength(1);
    clock.advance(60_001);
    expect(await check('alice', 'wonderland')).toEqual({ user: 'alice' });
    expect(calls).toHaveLength(2);
  });

  test('that many requests bring at the same time is checked once', async () => {
    const { calls, check } = setUp();
    const verdicts = await Promise.all(Array.from({ length: 40 }, async () => await check('alice', 'wonderland')));
    expect(new Set(verdicts.map(kindOf))).toEqual(new Set(['alice']));
    expect(calls).toHaveLength(1);
  });

  test('is dropped when the accounts change', async () => {
    const { check, replace } = setUp();
    await check('alice', 'wonderland');
    replace(`bob:${hashSync('builder', 4)}`);
    expect(kindOf(await check('alice', 'wonderland'))).toBe('login-required');
    expect(kindOf(await check('bob', 'builder'))).toBe('bob');
  });

  test('that is taken away while it is checked is not let in', async () => {
    const { check, replace, hold, release } = setUp();
    hold();
    const verdict = check('alice', 'wonderland');
    await settle();
    replace(`bob:${hashSync('builder', 4)}`);
    release();
    expect(kindOf(await verdict)).toBe('login-required');
    expect(kindOf(await check('alice', 'wonderland'))).toBe('login-required');
  });

  test('whose password is that of another is wrong', async () => {
    const { logins } = setUp();
    for (const header of [basic('alice:wonder', 'land'), basic('', 'wonderland')]) {
      expect(kindOf(await logins.check(header, client))).toBe('login-required');
    }
  });

  test.each<[string, string | undefined]>([
    ['that is not there', undefined],
    ['that is empty', ''],
    ['of another scheme', `Bearer ${Buffer.from('alice:wonderland').toString('base64')}`],
    ['that is no base64', 'Basic alice:wonderland'],
    ['without a colon', `Basic ${Buffer.from('alice').toString('base64')}`],
    ['with a password of 73 bytes', basic('alice', 'x'.repeat(73))],
    ['with a name of 256 bytes', basic('x'.repeat(256), 'wonderland')],
    ['with a NUL', basic('alice', 'wonderland\0wonderland')],
    ['that is no UTF-8', `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`],
    ['that is endless', `Basic ${'A'.repeat(30_000)}`],
  ])('%s is refused at once, without work', (_name, header) => {
    const { calls, logins } = setUp();
    expect(logins.check(header, client)).toMatchObject({ kind: 'login-required' });
    expect(calls).toHaveLength(0);
  });

  test('with a password of 72 bytes is checked', async () => {
    const { calls, check } = setUp();
    await check('alice', 'é'.repeat(36));
    expect(calls).toHaveLength(1);
  });
});

describe('1,000 wrong passwords', () => {
  test('are one bcrypt of the same cost each, and the same answer, whether the name is known or not', async () => {
    const seen = async (user: string) => {
      const { calls, check } = setUp();
      const verdicts: LoginVerdict[] = [];
      // Each from elsewhere, so that none is held up.
      for (let index = 0; index < 1000; index += 1) {
        verdicts.push(await check(user, `wrong ${index}`, `10.0.${index >> 8}.${index & 255}`));
      }
      return { work: calls.map(({ costs }) => costs), verdicts };
    };
    const [known, unknown] = [await seen('alice'), await seen('mallory')];
    expect(known.work).toEqual(Array.from({ length: 1000 }, () => [4]));
    expect(unknown.work).toEqual(known.work);
    expect(unknown.verdicts).toEqual(known.verdicts);
    expect(known.verdicts[0]).toMatchObject({ kind: 'login-required' });
  });
});

describe('an address that guesses', () => {
  test('waits longer and longer, then is refused; who is logged in from there goes on, and so do others', async () => {
    const { calls, check, clock } = setUp();
    await check('bob', 'builder');
    for (let time = 0; time < 10; time += 1) await check('alice', `wrong ${time}`);
    expect(calls).toHaveLength(11);
    let last: LoginVerdict | undefined;
    for (let time = 0; time < 30 && (last === undefined || kindOf(last) === 'login-required'); time += 1) {
      const before = calls.length;
      const verdict = check('alice', `late ${time}`);
      const early = await Promise.race([verdict, settle()]);
      expect(calls).toHaveLength(before);
      if (early === undefined) clock.advance(4_000);
      last = await verdict;
    }
    expect(last).toMatchObject({ kind: 'login-throttled' });
    expect((last as MirrorError).retryAfterMs).toBeGreaterThan(0);
    const before = calls.length;
    expect(kindOf(await check('alice', 'wonderland'))).toBe('login-throttled');
    expect(calls).toHaveLength(before);
    await check('bob', 'builder', '192.0.2.3');
    expect(check('bob', 'builder')).toEqual({ user: 'bob' });
    expect(kindOf(await check('alice', 'wonderland', '192.0.2.2'))).toBe('alice');
  });

  test('is not told at once of a login that others use right now', async () => {
    const { calls, check, clock } = setUp();
    await check('bob', 'builder', '192.0.2.3');
    for (let time = 0; time < 10; time += 1) await check('alice', `wrong ${time}`);
    const before = calls.length;
    const verdict = check('bob', 'builder');
    await settle();
    expect(calls).toHaveLength(before);
    clock.advance(4_000);
    expect(await verdict).toEqual({ user: 'bob' });
    expect(calls).toHaveLength(before + 1);
    expect(check('bob', 'builder', '192.0.2.4')).toEqual({ user: 'bob' });
    expect(check('bob', 'builder', '192.0.2.3')).toEqual({ user: 'bob' });
  });

  test('with many connections gains no more guesses', async () => {
    const { calls, check, hold, release } = setUp();
    for (let time = 0; time < 14; time += 1) void check('alice', `first ${time}`);
    await settle();
    hold();
    release();
    await settle();
    const before = calls.length;
    expect(before).toBeLessThanOrEqual(16);
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => await check('alice', `wrong ${at}`, '192.0.2.9')).slice(16),
    );
    expect(new Set(verdicts.map(kindOf))).toEqual(new Set(['overloaded']));
  });
});

describe('the queue', () => {
  test('lets two be checked at once, and no more wait than it says', async () => {
    const { calls, check, hold, release } = setUp();
    hold();
    const all = Array.from({ length: 80 }, async (_, at) => await check('alice', `wrong ${at}`, `10.1.0.${at}`));
    await settle();
    expect(calls).toHaveLength(2);
    release();
    const kinds = (await Promise.all(all)).map(kindOf);
    expect(kinds.filter((kind) => kind === 'login-required')).toHaveLength(66);
    expect(kinds.filter((kind) => kind === 'overloaded')).toHaveLength(14);
  });
});
