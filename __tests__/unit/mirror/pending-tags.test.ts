import { describe, expect, test } from '@jest/globals';
import type { Door } from '../../../src/mirror/door.ts';
import { PendingTags } from '../../../src/mirror/pending-tags.ts';
import type { Verdict } from '../../../src/mirror/verdict.ts';
import { computeDigest, type Digest } from '../../../src/oci/digest.ts';
import { ScriptedUpstream, silentHead } from './fakes/scripted-upstream.ts';

const upstream = new ScriptedUpstream();
const door: Door = { upstream, repository: 'library/a' };
const one = digestOf('one');
const other = digestOf('other');

function digestOf(text: string): Digest {
  return computeDigest('sha256', Buffer.from(text));
}

function verdictOf(digest: Digest, order = 1): Verdict {
  const time = { wallMs: order, monotonicMs: order };
  return { order, time, digest, head: silentHead, etag: undefined, manifest: undefined };
}

describe('pending tags', () => {
  test('are taken once, all that name the manifest', () => {
    const pending = new PendingTags();
    pending.add(door, 'latest', verdictOf(one));
    pending.add(door, '1.0', verdictOf(one));
    pending.add(door, 'old', verdictOf(other));
    expect(pending.take(door, one)).toMatchObject([{ tag: 'latest' }, { tag: '1.0' }]);
    expect(pending.take(door, one)).toEqual([]);
    expect(pending.take(door, other)).toMatchObject([{ tag: 'old' }]);
  });

  test('belong to one repository of one upstream', () => {
    const pending = new PendingTags();
    pending.add(door, 'latest', verdictOf(one));
    expect(pending.take({ upstream, repository: 'library/b' }, one)).toEqual([]);
    expect(pending.take({ upstream: new ScriptedUpstream('other.example'), repository: 'library/a' }, one)).toEqual([]);
    expect(pending.take(door, one)).toHaveLength(1);
  });

  test('that are seen again carry what was seen last', () => {
    const pending = new PendingTags();
    pending.add(door, 'latest', verdictOf(one, 1));
    pending.add(door, 'latest', verdictOf(one, 2));
    expect(pending.take(door, one)).toMatchObject([{ tag: 'latest', verdict: { order: 2 } }]);
  });

  test('of one manifest are ten at most, the last ones', () => {
    const pending = new PendingTags();
    for (let tag = 0; tag < 12; tag++) pending.add(door, `v${tag}`, verdictOf(one));
    expect(pending.take(door, one).map(({ tag }) => tag)).toEqual(Array.from({ length: 10 }, (_, i) => `v${i + 2}`));
  });

  test('are kept for two thousand manifests, the ones seen last', () => {
    const pending = new PendingTags();
    pending.add(door, 'seen again', verdictOf(one));
    pending.add(door, 'forgotten', verdictOf(other));
    for (let manifest = 0; manifest < 1998; manifest++) pending.add(door, 'x', verdictOf(digestOf(`${manifest}`)));
    pending.add(door, 'seen again', verdictOf(one));
    pending.add(door, 'x', verdictOf(digestOf('the last')));
    expect(pending.take(door, other)).toEqual([]);
    expect(pending.take(door, one)).toHaveLength(1);
    expect(pending.take(door, digestOf('0'))).toHaveLength(1);
  });
});
