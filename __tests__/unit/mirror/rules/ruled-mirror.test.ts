import { describe, expect, test } from '@jest/globals';
import { createRuledMirror } from '../../../../src/mirror/rules/ruled-mirror.ts';
import type { PullRuleLists } from '../../../../src/mirror/rules/pull-rules.ts';
import type { Mirror } from '../../../../src/mirror/mirror-api.ts';
import { isMirrorError } from '../../../../src/oci/errors.ts';
import { findPullRule } from '../../../../src/oci/pull-rule.ts';
import { createFakeMirror, createLedger, digestOf, serveBlob, serveManifest } from '../../http/fake-mirror.ts';

const upstream = 'docker.io';
const digest = digestOf(Buffer.from('bytes'));
const never = new AbortController().signal;

function setUp(allow: readonly string[] | undefined, deny: readonly string[], leading: readonly string[] = []) {
  const rulesOf = (texts: readonly string[]) => texts.flatMap((text) => findPullRule(text) ?? []);
  const lists: PullRuleLists = { allow: allow && rulesOf(allow), deny: rulesOf(deny) };
  const ledger = createLedger();
  const inner = createFakeMirror(
    {
      getManifest: async () => serveManifest(),
      headManifest: async () => serveManifest(),
      checkManifest: async () => serveManifest(),
      getBlob: async () => serveBlob(Buffer.from('bytes'), ledger),
      listTags: async ({ n }) => ({
        outcome: 'hit',
        tags: ['a', 'dev-1', 'dev-2', 'v1', 'v2'].slice(0, n),
        next: undefined,
        warning: undefined,
      }),
      listCatalog: () => [
        { upstream, repository: 'org/app' },
        { upstream, repository: 'org/secret' },
        { upstream: 'ghcr.io', repository: 'org/secret' },
      ],
    },
    ledger,
  );
  const asked: string[] = [];
  const catalog = { listTagsLeadingTo: () => (asked.push('catalog'), leading) };
  const mirror = createRuledMirror(inner, {
    catalog,
    rulesOf: (name) => (name === upstream ? lists : undefined),
  });
  return { mirror, ledger, asked };
}

/** Every way to ask the mirror for something of a repository. */
function askAll(mirror: Mirror, repository: string, { tag }: { readonly tag?: string } = {}) {
  const id = { upstream, repository };
  const manifests = [
    { type: 'digest' as const, digest },
    ...(tag === undefined ? [] : [{ type: 'tag' as const, tag }]),
  ];
  return [
    ...manifests.flatMap((reference) => [
      async () => mirror.recallManifest({ ...id, reference }),
      async () => await mirror.getManifest({ ...id, reference }, never),
      async () => await mirror.headManifest({ ...id, reference }, never),
      async () => await mirror.checkManifest({ ...id, reference }, never),
    ]),
    async () => mirror.recallBlob({ ...id, digest }),
    async () => await mirror.getBlob({ ...id, digest }, { type: 'whole' }, never),
    async () => await mirror.headBlob({ ...id, digest }, never),
    async () => await mirror.hasContent({ ...id, digest }),
    async () => await mirror.listReferrers({ ...id, digest, artifactType: undefined }, never),
    async () => await mirror.listTags({ ...id, n: undefined, last: undefined }, never),
  ];
}

async function denialOf(ask: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await ask();
    return undefined;
  } catch (error) {
    return isMirrorError(error, 'rule-denied') ? error.message : undefined;
  }
}

describe('a denied repository', () => {
  test.each<[string, readonly string[] | undefined, readonly string[], string]>([
    ['by a rule of its own', undefined, ['org/secret'], 'denied by the rule "org/secret" of docker.io'],
    ['by a wildcard', undefined, ['org/s*'], 'denied by the rule "org/s*" of docker.io'],
    ['though it is allowed', ['org/*'], ['*/secret'], 'denied by the rule "*/secret" of docker.io'],
    ['since another one is allowed', ['org/app'], [], 'denied by the rule "allow" of docker.io'],
    ['since nothing is allowed', [], [], 'denied by the rule "allow" of docker.io'],
  ])('%s gives nothing, and nobody is asked', async (_how, allow, deny, message) => {
    const { mirror, ledger, asked } = setUp(allow, deny);
    for (const ask of askAll(mirror, 'org/secret', { tag: 'v1' })) expect(await denialOf(ask)).toContain(message);
    expect(ledger.calls).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('leaves the others, and other upstreams, as they are', async () => {
    const { mirror } = setUp(undefined, ['org/secret']);
    for (const ask of askAll(mirror, 'org/app', { tag: 'v1' })) expect(await denialOf(ask)).toBeUndefined();
    const elsewhere = { upstream: 'ghcr.io', repository: 'org/secret', reference: { type: 'tag' as const, tag: 'v1' } };
    expect(await mirror.getManifest(elsewhere, never)).toBeDefined();
    expect(mirror.listCatalog()).toEqual([
      { upstream, repository: 'org/app' },
      { upstream: 'ghcr.io', repository: 'org/secret' },
    ]);
  });
});

describe('a rule about tags', () => {
  const pullTag = async (mirror: Mirror, tag: string) =>
    await denialOf(async () => {
      await mirror.getManifest({ upstream, repository: 'org/app', reference: { type: 'tag', tag } }, never);
    });

  test.each<[string, readonly string[] | undefined, readonly string[], Readonly<Record<string, boolean>>]>([
    ['denies these', undefined, ['org/app:dev*'], { v1: true, dev: false, 'dev-1': false }],
    ['allows these alone', ['org/app:v*'], [], { v1: true, dev: false }],
    ['denies some of what is allowed', ['org/app:v*'], ['org/*:v2'], { v1: true, v2: false }],
    ['adds to another', ['org/app:v*', 'org/app:dev'], [], { v1: true, dev: true, latest: false }],
    ['for all tags is one about the repository', undefined, ['org/app:*'], { v1: false }],
  ])('%s', async (_what, allow, deny, expected) => {
    const { mirror } = setUp(allow, deny);
    for (const [tag, isAllowed] of Object.entries(expected)) {
      expect([tag, (await pullTag(mirror, tag)) === undefined]).toEqual([tag, isAllowed]);
    }
  });

  test.each<[string, readonly string[], boolean]>([
    ['denied when only denied tags lead to it', ['dev-1', 'dev-2'], false],
    ['allowed when one of the tags is allowed', ['dev-1', 'v1'], true],
    ['allowed when no tag is known to lead to it', [], true],
  ])('leaves content by digest %s', async (_what, leading, isAllowed) => {
    const { mirror } = setUp(undefined, ['org/app:dev*'], leading);
    const asks = askAll(mirror, 'org/app').slice(0, -1);
    for (const ask of asks) expect((await denialOf(ask)) === undefined).toBe(isAllowed);
  });

  test('is not looked into where no rule about tags covers the repository', async () => {
    const { mirror, asked } = setUp(['org/*', 'other:v1'], ['other:dev*'], ['dev-1']);
    for (const ask of askAll(mirror, 'org/app')) expect(await denialOf(ask)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test('takes tags out of the list before it is cut into pages', async () => {
    const { mirror } = setUp(undefined, ['org/app:dev*']);
    const id = { upstream, repository: 'org/app' };
    expect(await mirror.listTags({ ...id, n: 2, last: undefined }, never)).toMatchObject({
      tags: ['a', 'v1'],
      next: { n: 2, last: 'v1' },
    });
    expect(await mirror.listTags({ ...id, n: 2, last: 'v1' }, never)).toMatchObject({ tags: ['v2'], next: undefined });
  });
});
