import { beforeEach, describe, expect, test } from '@jest/globals';
import { Sources } from '../../../../src/mirror/fill/sources.ts';
import { absent, ScriptedBlobUpstream } from '../fakes/scripted-blob-upstream.ts';

const hub = new ScriptedBlobUpstream();
const other = new ScriptedBlobUpstream('other.example');

let sources: Sources;

beforeEach(() => {
  sources = new Sources();
});

describe('the sources of a fill', () => {
  test('begin with nothing known of them, in the order in which they join', () => {
    expect(sources.current).toBeUndefined();
    const first = sources.join(hub, 'library/a');
    sources.join(hub, 'library/b');
    expect(sources.current).toBe(first);
    expect(first).toMatchObject({ provenance: undefined, refusal: undefined, hasRanges: true });
    expect(sources.proven).toEqual([]);
  });

  test('are one for each repository of each upstream', () => {
    const first = sources.join(hub, 'library/a');
    expect(sources.join(hub, 'library/a')).toBe(first);
    expect(sources.join(hub, 'library/b')).not.toBe(first);
    expect(sources.join(other, 'library/a')).not.toBe(first);
  });

  test('share no transfer: a redirect of one is nothing to another', () => {
    expect(sources.join(hub, 'library/a').transfer).not.toBe(sources.join(hub, 'library/b').transfer);
  });

  test('take turns after a failure that may pass', () => {
    const [a, b] = [sources.join(hub, 'library/a'), sources.join(hub, 'library/b')];
    sources.rotate(a);
    expect(sources.current).toBe(b);
    // A second connection that fails in the same way must not turn it back.
    sources.rotate(a);
    expect(sources.current).toBe(b);
    sources.rotate(b);
    expect(sources.current).toBe(a);
  });

  test('are out after a final answer, until none is left', () => {
    const [a, b] = [sources.join(hub, 'library/a'), sources.join(hub, 'library/b')];
    const refusal = absent();
    sources.refuse(a, refusal);
    expect(a.refusal).toBe(refusal);
    expect(sources.current).toBe(b);
    sources.refuse(b, absent());
    expect(sources.current).toBeUndefined();
  });

  test('that have refused are asked anew for a later pull', () => {
    const a = sources.join(hub, 'library/a');
    sources.refuse(a, absent());
    const again = sources.join(hub, 'library/a');
    expect(again).not.toBe(a);
    expect(again.refusal).toBeUndefined();
    expect(sources.current).toBe(again);
  });

  test('are proven once upstream has answered for them', () => {
    const a = sources.join(hub, 'library/a');
    const b = sources.join(hub, 'library/b');
    b.provenance = 'restricted';
    expect(sources.proven).toEqual([b]);
    expect(sources.proven).not.toContain(a);
  });
});
