import { describe, expect, test } from '@jest/globals';
import { toUpstreamState, type UpstreamUrlFacts } from '../../../src/admin/upstream-state.ts';

const url: UpstreamUrlFacts = {
  url: 'https://registry.test',
  isLoginRejected: false,
  pauses: [],
  breakers: [],
  spendable: undefined,
};
const named = { name: 'registry.test', isDefault: true, aliases: ['other.test'] };
const pause = { class: 'manifests', leftMs: 5_000 } as const;
const healthOf = (...urls: readonly Partial<UpstreamUrlFacts>[]) =>
  toUpstreamState({ ...named, urls: urls.map((facts) => ({ ...url, ...facts })) }, 0).health;

describe('an upstream is', () => {
  test.each<[string, Partial<UpstreamUrlFacts>]>([
    ['ok', { breakers: [{ state: 'closed' }] }],
    ['login-rejected', { isLoginRejected: true }],
    ['paused', { isLoginRejected: true, pauses: [pause] }],
    ['away', { pauses: [pause], breakers: [{ state: 'closed' }, { state: 'open' }] }],
    ['away', { breakers: [{ state: 'half-open' }] }],
  ])('%s with %j', (health, facts) => {
    expect(healthOf(facts)).toBe(health);
  });

  test('as ill as the worst of its URLs', () => {
    expect(healthOf({}, { pauses: [pause] }, { isLoginRejected: true })).toBe('paused');
    expect(healthOf()).toBe('ok');
  });
});

test('pauses with and without login are one, until the later end', () => {
  const pauses = [pause, { ...pause, leftMs: 7_000 }, { class: 'blobs', leftMs: 1_000 } as const];
  const state = toUpstreamState({ ...named, urls: [{ ...url, pauses }] }, Date.UTC(2026, 0, 1));
  expect(state).toMatchObject({
    ...named,
    urls: [
      {
        pauses: [
          { class: 'manifests', until: '2026-01-01T00:00:07.000Z' },
          { class: 'blobs', until: '2026-01-01T00:00:01.000Z' },
        ],
        rateLimit: null,
      },
    ],
  });
});

test('what is left of its limit is told as far as it is known', () => {
  const spendable = { limit: undefined, remaining: 7 };
  const state = toUpstreamState({ ...named, urls: [{ ...url, spendable }] }, 0);
  expect(state.urls).toMatchObject([{ rateLimit: { limit: null, remaining: 7 } }]);
});
