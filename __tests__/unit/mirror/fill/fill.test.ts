import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { FillBench, nothing, type Pull } from '../fakes/fill-bench.ts';
import { absent, outage, ScriptedBlobUpstream } from '../fakes/scripted-blob-upstream.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

/** Larger than what is verified before headers, so that bytes flow while the fill runs. */
const content = randomBytes(2 * MiB);
const size = content.length;
const tail = 64 * KiB;

let bench: FillBench;

beforeEach(() => {
  bench = new FillBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothing);
});

describe('a fill', () => {
  test('asks upstream once and gives everybody every byte', async () => {
    const pulls = [bench.pull(content), bench.pull(content)];
    await bench.settle();
    expect(bench.upstream.requests).toHaveLength(1);
    bench.upstream.last.answer(content).send(content.subarray(0, MiB));
    await bench.settle();
    const late = bench.pull(content);
    await bench.settle();
    expect(late.bytes.length).toBe(MiB);
    bench.upstream.last.send(content.subarray(MiB)).end();
    await bench.settle();
    for (const pull of [...pulls, late]) {
      expect(pull.end).toBe('complete');
      expect(pull.bytes.equals(content)).toBe(true);
    }
    expect(bench.upstream.requests).toHaveLength(1);
    expect(bench.committed).toMatchObject([{ object: { sizeBytes: size, provenance: 'public' } }]);
  });

  test('gives bytes to readers close behind from the memory they came in, and keeps no more of it than it must', async () => {
    const large = randomBytes(16 * MiB);
    const pull = bench.pull(large);
    await bench.settle();
    bench.upstream.last.answer(large);
    bench.content.failing.set('read', new Error('EIO'));
    for (let sent = 0; sent < large.length - MiB; sent += MiB) {
      bench.upstream.last.send(large.subarray(sent, sent + MiB));
      await bench.settle();
      expect(pull.bytes.length).toBe(sent + MiB);
    }
    expect(bench.upstream.last.keptRuns).toBe(0);
    bench.content.failing.clear();
    bench.upstream.last.send(large.subarray(large.length - MiB)).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(large)).toBe(true);
  });

  test('lets a reader that needs long for a chunk keep that one, and no more', async () => {
    const large = randomBytes(16 * MiB);
    const pull = bench.pull(large);
    await bench.settle();
    bench.upstream.last.answer(large).send(large.subarray(0, MiB));
    const slow = (await pull.served).openBody();
    const chunk = await slow.read();
    for (let sent = MiB; sent < large.length; sent += MiB) {
      bench.upstream.last.send(large.subarray(sent, sent + MiB));
      await bench.settle();
      expect(bench.upstream.last.keptRuns).toBeLessThanOrEqual(5);
    }
    bench.upstream.last.end();
    await bench.settle();
    expect(bench.upstream.last.keptRuns).toBe(1);
    expect(large.compare(chunk?.bytes ?? Buffer.of(), 0, chunk?.bytes.length, 0, chunk?.bytes.length)).toBe(0);
    chunk?.release();
    slow.close();
    expect(pull.bytes.equals(large)).toBe(true);
  });

  test('holds the last 64 KiB back until all of it is verified', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, size - 1));
    await bench.settle();
    expect(pull.bytes.length).toBe(size - tail);
    bench.upstream.last.send(content.subarray(size - 1)).end();
    await bench.settle();
    expect(pull.bytes.length).toBe(size);
  });

  test('with one wrong byte breaks every body short, keeps nothing and tries another URL next', async () => {
    const wrong = Buffer.from(content);
    wrong[100] = (wrong[100] ?? 0) ^ 1;
    const digest = computeDigest('sha256', content);
    const pulls = [bench.pull(content), bench.pull(content)];
    await bench.settle();
    bench.upstream.last.answer(wrong).send(wrong).end();
    await bench.settle();
    for (const pull of pulls) {
      expect(pull.end).toBe('content-mismatch');
      expect(pull.bytes.length).toBeLessThanOrEqual(size - tail);
    }
    expect(bench.committed).toEqual([]);
    expect(bench.content.parked.size).toBe(0);
    const next = bench.pull(content, { digest });
    await bench.settle();
    expect(bench.upstream.last.options.avoidLastUrl).toBe(true);
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(next.end).toBe('complete');
  });

  test('of a small object is verified before anybody is told that it exists', async () => {
    const small = randomBytes(1000);
    const wrong = randomBytes(1000);
    const pull = bench.pull(small);
    await bench.settle();
    bench.upstream.last.answer(wrong).send(wrong).end();
    await bench.settle();
    expect(pull.end).toBe('content-mismatch');
    expect(pull.bytes.length).toBe(0);
  });

  test('that breaks goes on from where it stopped, after a pause', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, MiB)).breakOff();
    await bench.settle();
    expect(bench.upstream.requests).toHaveLength(1);
    await bench.pass(200);
    expect(bench.upstream.requests).toHaveLength(2);
    expect(bench.upstream.last.span?.start).toBe(MiB);
    bench.upstream.last.answer(content).send(content.subarray(MiB)).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);
  });

  test('that stalls is asked again from where it stopped', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    const stalled = bench.upstream.last;
    stalled.answer(content).send(content.subarray(0, MiB));
    await bench.pass(15_500);
    expect(stalled.isDestroyed).toBe(true);
    expect(bench.upstream.last.span?.start).toBe(MiB);
    bench.upstream.last.answer(content).send(content.subarray(MiB)).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
  });

  test('that drips is asked again although it is never silent', async () => {
    bench.pull(content);
    await bench.settle();
    const dripping = bench.upstream.last;
    dripping.answer(content);
    for (let at = 0; at < 20; at++) {
      dripping.send(content.subarray(at, at + 1));
      await bench.pass(1_000);
    }
    expect(dripping.isDestroyed).toBe(true);
    const from = bench.upstream.last.span?.start ?? 0;
    expect(from).toBeGreaterThan(0);
    bench.upstream.last.answer(content).send(content.subarray(from)).end();
    await bench.settle();
  });

  test('whose upstream stays away gives up after a minute and keeps what is here', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, MiB)).breakOff();
    for (let tries = 0; tries < 30 && pull.end === undefined; tries++) {
      await bench.pass(5_000);
      if (pull.end === undefined) bench.upstream.last.refuse(outage());
    }
    await bench.settle();
    expect(pull.end).toBe('upstream-failed');
    const next = bench.pull(content);
    await bench.settle();
    expect(bench.upstream.last.span?.start).toBe(MiB);
    bench.upstream.last.answer(content).send(content.subarray(MiB)).end();
    await bench.settle();
    expect(next.end).toBe('complete');
    expect(next.bytes.equals(content)).toBe(true);
  });

  test('that upstream never answers fails soon, for everybody, and is not remembered', async () => {
    const pulls = [bench.pull(content), bench.pull(content)];
    await bench.settle();
    for (let tries = 0; tries < 4; tries++) {
      bench.upstream.last.refuse(outage());
      await bench.pass(1_500);
    }
    expect(pulls.map((pull) => pull.end)).toEqual(['upstream-failed', 'upstream-failed']);
    const next = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(next.end).toBe('complete');
  });

  test('of unknown size ends with the body and is right or broken', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content, { whole: true, unsized: true }).send(content);
    await bench.settle();
    expect((await pull.served).sizeBytes).toBeUndefined();
    bench.upstream.last.end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);

    const cut = randomBytes(2 * MiB);
    const second = bench.pull(cut);
    await bench.settle();
    bench.upstream.last.answer(cut, { whole: true, unsized: true }).send(cut.subarray(0, MiB)).end();
    await bench.settle();
    expect(second.end).toBe('content-mismatch');
  });

  test('of unknown size stops at the largest size that is allowed', async () => {
    const bounded = new FillBench({ maxBlobBytes: MiB });
    const pull = bounded.pull(content);
    await bounded.settle();
    bounded.upstream.last.answer(content, { whole: true, unsized: true }).send(content);
    await bounded.settle();
    expect(pull.end).toBe('upstream-failed');
    expect(bounded.content.objects.size).toBe(0);
    expect(await bounded.leftovers()).toEqual(nothing);
  });

  test('of no bytes is content too', async () => {
    const pull = bench.pull(Buffer.alloc(0), { sizeHintBytes: 0 });
    await bench.settle();
    bench.upstream.last.answer(Buffer.alloc(0)).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(bench.committed).toHaveLength(1);
  });
});

describe('a fill that is complete', () => {
  test.each([
    ['waits for a lull where the cache has room', 100 * MiB, 0],
    ['does not wait where what it has booked is wanted for what comes next', 5 * MiB, 1],
  ])('%s', async (_what, fitsBytes, committed) => {
    const patient = new FillBench({ quietMs: 50 });
    patient.fitsBytes = fitsBytes;
    patient.pull(content, { sizeHintBytes: size });
    await patient.settle();
    patient.upstream.last.answer(content).send(content).end();
    await patient.settle();
    expect(patient.committed).toHaveLength(committed);
    await patient.pass(1000);
    expect(patient.committed).toHaveLength(1);
    await patient.fills.close();
  });
});

describe('connections of a fill', () => {
  const large = randomBytes(40 * MiB);

  /** A pull of which the first piece, 8 MiB, comes within so many milliseconds. */
  async function pullFirstPiece(bytes: Buffer, ms = 10): Promise<Pull> {
    const pull = bench.pull(bytes, { sizeHintBytes: bytes.length });
    await bench.settle();
    const first = bench.upstream.last;
    first.answer(bytes).send(bytes.subarray(0, 4 * MiB));
    await bench.pass(ms);
    first.send(bytes.subarray(4 * MiB, 8 * MiB)).end();
    await bench.settle();
    return pull;
  }

  test('grow by one as long as the last one raised the rate', async () => {
    const pull = bench.pull(large, { sizeHintBytes: large.length });
    await bench.settle();
    expect(bench.upstream.last.span).toEqual({ start: 0, end: 8 * MiB });
    const sent = new Map<number, number>();
    const opened: number[] = [];
    for (let round = 0; round < 60 && pull.end === undefined; round++) {
      for (const [index, request] of bench.upstream.requests.entries()) {
        const { start = 0, end = 0 } = request.span ?? {};
        let done = sent.get(index);
        if (done === undefined) {
          request.answer(large);
          done = start;
        }
        const next = Math.min(done + MiB, end, large.length);
        if (next > done) request.send(large.subarray(done, next));
        if (next > done && next === Math.min(end, large.length)) request.end();
        sent.set(index, next);
      }
      await bench.pass(100);
      opened.push(bench.upstream.requests.filter((request) => !request.isDestroyed).length);
    }
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(large)).toBe(true);
    expect(Math.max(...opened)).toBeGreaterThan(1);
    expect(Math.max(...opened)).toBeLessThanOrEqual(4);
    const asked = bench.upstream.requests.reduce(
      (sum, { span }) => sum + Math.min(span?.end ?? 0, large.length) - (span?.start ?? 0),
      0,
    );
    expect(asked).toBe(large.length);
  });

  test('ask for more at a time as soon as the first piece has come fast', async () => {
    const pull = await pullFirstPiece(large);
    expect(bench.upstream.last.span).toEqual({ start: 8 * MiB, end: 40 * MiB });
    bench.upstream.last
      .answer(large)
      .send(large.subarray(8 * MiB))
      .end();
    await bench.settle();
    expect(pull.bytes.equals(large)).toBe(true);
    expect(bench.upstream.requests).toHaveLength(2);
  });

  test('begin with as much as one has moved of the blob before, of the same upstream', async () => {
    for (const [upstream, end] of [
      [bench.upstream, 8 * MiB],
      [bench.upstream, 40 * MiB],
      [new ScriptedBlobUpstream('elsewhere'), 8 * MiB],
    ] as const) {
      const bytes = randomBytes(64 * MiB);
      const pull = bench.pull(bytes, { sizeHintBytes: bytes.length, upstream });
      await bench.settle();
      const first = upstream.last;
      expect(first.span).toEqual({ start: 0, end });
      first.answer(bytes).send(bytes.subarray(0, 4 * MiB));
      await bench.pass(100);
      first.send(bytes.subarray(4 * MiB, end)).end();
      await bench.settle();
      pull.leave();
    }
    await bench.fills.close();
  });

  test('of a fast upstream share what is left in pieces that are worth a request', async () => {
    const fast = randomBytes(64 * MiB);
    const pull = await pullFirstPiece(fast, 100);
    const second = bench.upstream.last;
    // At 80 MiB/s, half a second's worth.
    expect(second.span).toEqual({ start: 8 * MiB, end: 48 * MiB });
    second.answer(fast).send(fast.subarray(8 * MiB, 38 * MiB));
    await bench.pass(500);
    // 38 MiB in half a second: an even share of the rest, for two connections twice, would be 6.5 MiB.
    const { start = 0, end = 0 } = bench.upstream.last.span ?? {};
    expect(start).toBe(48 * MiB);
    expect((end - start) / MiB).toBeCloseTo(15.2, 0);
    pull.leave();
    await bench.fills.close();
  });

  test('never grow where upstream has no ranges', async () => {
    const pull = bench.pull(large, { sizeHintBytes: large.length });
    await bench.settle();
    bench.upstream.last.answer(large, { whole: true });
    for (let at = 0; at < large.length; at += 4 * MiB) {
      bench.upstream.last.send(large.subarray(at, at + 4 * MiB));
      await bench.pass(300);
    }
    bench.upstream.last.end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(bench.upstream.requests).toHaveLength(1);
  });

  test('open where a reader waits, far ahead of the others', async () => {
    const whole = bench.pull(large, { sizeHintBytes: large.length });
    await bench.settle();
    bench.upstream.last.answer(large).send(large.subarray(0, MiB));
    await bench.settle();
    const start = large.length - 4 * KiB;
    const last = bench.pull(large, { demand: { type: 'suffix', length: 4 * KiB } });
    await bench.settle();
    expect(bench.upstream.requests[1]?.span).toEqual({ start, end: large.length });
    bench.upstream.requests[1]?.answer(large).send(large.subarray(start)).end();
    await bench.settle();
    expect(last.end).toBe('complete');
    expect(last.bytes.equals(large.subarray(start))).toBe(true);
    whole.leave();
    await bench.fills.close();
  });
});

describe('ranges of a cold blob', () => {
  const large = randomBytes(20 * MiB);

  test('fetch what was asked for, and no more, while less than a quarter was', async () => {
    bench.upstream.headAnswers.set('library/a', { sizeBytes: large.length, provenance: 'public' });
    const pull = bench.pull(large, { demand: { type: 'from', start: MiB, end: 2 * MiB } });
    await bench.settle();
    expect(bench.upstream.last.span).toEqual({ start: MiB, end: 2 * MiB });
    bench.upstream.last
      .answer(large)
      .send(large.subarray(MiB, 2 * MiB))
      .end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(large.subarray(MiB, 2 * MiB))).toBe(true);
    expect(bench.upstream.requests).toHaveLength(1);
    expect(bench.content.parked.size).toBe(1);

    const again = bench.pull(large, { demand: { type: 'from', start: MiB + 10, end: MiB + 20 } });
    await bench.settle();
    expect(again.end).toBe('complete');
    expect(again.bytes.equals(large.subarray(MiB + 10, MiB + 20))).toBe(true);
    // What is here already needs upstream's word, and no byte.
    expect(bench.upstream.heads).toHaveLength(2);
    expect(bench.upstream.requests).toHaveLength(1);
  });

  test('complete the blob once a quarter was asked for', async () => {
    bench.pull(large, { demand: { type: 'from', start: 0, end: 6 * MiB } });
    await bench.settle();
    bench.upstream.last
      .answer(large)
      .send(large.subarray(0, 6 * MiB))
      .end();
    await bench.settle();
    expect(bench.upstream.last.span).toEqual({ start: 6 * MiB, end: 14 * MiB });
    await bench.fills.close();
  });

  test('from the end ask for the size first', async () => {
    bench.upstream.headAnswers.set('library/a', { sizeBytes: large.length, provenance: 'public' });
    const pull = bench.pull(large, { demand: { type: 'suffix', length: 1000 } });
    await bench.settle();
    expect(bench.upstream.heads).toHaveLength(1);
    expect(bench.upstream.last.span).toEqual({ start: large.length - 1000, end: large.length });
    bench.upstream.last
      .answer(large)
      .send(large.subarray(large.length - 1000))
      .end();
    await bench.settle();
    expect(pull.end).toBe('complete');
  });
});

describe('readers of a fill', () => {
  test('who leave do not stop it when it is worth finishing', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, size / 5));
    await bench.settle();
    pull.leave();
    await bench.settle();
    bench.upstream.last.send(content.subarray(size / 5)).end();
    await bench.settle();
    expect(bench.committed).toHaveLength(1);
  });

  test('who leave beyond the budget of unread fills park it, and the next goes on from there', async () => {
    const frugal = new FillBench({ abandonedBytes: 0 });
    const pull = frugal.pull(content);
    await frugal.settle();
    frugal.upstream.last.answer(content).send(content.subarray(0, MiB));
    await frugal.settle();
    pull.leave();
    await frugal.settle();
    expect(frugal.upstream.last.isDestroyed).toBe(true);
    const next = frugal.pull(content);
    await frugal.settle();
    expect(frugal.upstream.last.span?.start).toBe(MiB);
    frugal.upstream.last.answer(content).send(content.subarray(MiB)).end();
    await frugal.settle();
    expect(next.end).toBe('complete');
    expect(await frugal.leftovers()).toEqual(nothing);
  });

  test('who leave before upstream has answered leave nothing behind', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    pull.leave();
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(bench.committed).toHaveLength(1);
  });
});

describe('sources of a fill', () => {
  test('that lack the blob end only the readers who came through them', async () => {
    const lacking = bench.pull(content, { repository: 'library/lacks' });
    const having = bench.pull(content, { repository: 'library/has' });
    await bench.settle();
    expect(bench.upstream.requests.map((request) => request.repository)).toEqual(['library/lacks']);
    bench.upstream.last.refuse(absent());
    await bench.settle();
    expect(lacking.end).toBe('blob-unknown');
    expect(bench.upstream.last.repository).toBe('library/has');
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(having.end).toBe('complete');
    expect(bench.committed[0]?.repositories).toEqual(['library/has']);
  });

  test('fail everybody when none is left', async () => {
    const pulls = [bench.pull(content, { repository: 'library/a' }), bench.pull(content, { repository: 'library/b' })];
    await bench.settle();
    bench.upstream.last.refuse(absent());
    await bench.settle();
    bench.upstream.last.refuse(absent());
    await bench.settle();
    expect(pulls.map((pull) => pull.end)).toEqual(['blob-unknown', 'blob-unknown']);
  });

  test('public content is for everybody, whatever other repositories say of it', async () => {
    bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, MiB));
    await bench.settle();
    const other = bench.pull(content, { repository: 'library/other' });
    await bench.settle();
    expect(bench.upstream.heads).toEqual([]);
    bench.upstream.last.send(content.subarray(MiB)).end();
    await bench.settle();
    expect(other.end).toBe('complete');
  });

  test('restricted content is only for those whom upstream shows it', async () => {
    const elsewhere = new ScriptedBlobUpstream('ghcr.io');
    bench.pull(content, { repository: 'private/a' });
    await bench.settle();
    bench.upstream.last.answer(content, { provenance: 'restricted' }).send(content.subarray(0, MiB));
    await bench.settle();
    bench.upstream.headAnswers.set('private/b', { sizeBytes: size, provenance: 'restricted' });
    const allowed = bench.pull(content, { repository: 'private/b' });
    const denied = bench.pull(content, { repository: 'public/c' });
    const foreign = bench.pull(content, { upstream: elsewhere, repository: 'private/a' });
    await bench.settle();
    expect(denied.end).toBe('blob-unknown');
    expect(foreign.end).toBe('blob-unknown');
    expect(denied.bytes.length + foreign.bytes.length).toBe(0);
    bench.upstream.last.send(content.subarray(MiB)).end();
    await bench.settle();
    expect(allowed.end).toBe('complete');
    expect(bench.committed).toMatchObject([
      { object: { provenance: 'restricted' }, repositories: ['private/a', 'private/b'] },
    ]);
  });

  test('a parked file is given out only after upstream has answered for the asking repository', async () => {
    const frugal = new FillBench({ abandonedBytes: 0 });
    const first = frugal.pull(content, { repository: 'private/a' });
    await frugal.settle();
    frugal.upstream.last.answer(content, { provenance: 'restricted' }).send(content.subarray(0, MiB));
    await frugal.settle();
    first.leave();
    await frugal.settle();
    const other = frugal.pull(content, { repository: 'public/c' });
    await frugal.settle();
    expect(other.bytes.length).toBe(0);
    frugal.upstream.last.refuse(absent());
    await frugal.settle();
    expect(other.end).toBe('blob-unknown');
    expect(other.bytes.length).toBe(0);
    const entitled = frugal.pull(content, { repository: 'private/a' });
    await frugal.settle();
    expect(frugal.upstream.last.span?.start).toBe(MiB);
    frugal.upstream.last.answer(content, { provenance: 'restricted' }).send(content.subarray(MiB)).end();
    await frugal.settle();
    expect(entitled.end).toBe('complete');
    expect(await frugal.leftovers()).toEqual(nothing);
  });
});

describe('a store that fails', () => {
  test('in the middle costs no reader a byte', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, MiB));
    await bench.settle();
    bench.content.failing.set('write', Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    bench.upstream.last.send(content.subarray(MiB));
    await bench.settle();
    expect(bench.upstream.last.span).toEqual({ start: MiB, end: size });
    bench.upstream.last.answer(content).send(content.subarray(MiB)).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);
    expect(bench.storeErrors).toEqual(['write']);
    expect(bench.committed).toEqual([]);
  });

  test('in the middle, with a wrong byte afterwards, breaks the body short', async () => {
    const wrong = Buffer.from(content);
    wrong[size - 10] = (wrong[size - 10] ?? 0) ^ 1;
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, MiB));
    await bench.settle();
    bench.content.failing.set('write', new Error('no space'));
    bench.upstream.last.send(content.subarray(MiB));
    await bench.settle();
    bench.upstream.last.answer(wrong).send(wrong.subarray(MiB)).end();
    await bench.settle();
    expect(pull.end).toBe('content-mismatch');
    expect(pull.bytes.length).toBeLessThanOrEqual(size - tail);
  });

  test('at the start lets the pull go around it', async () => {
    bench.content.failing.set('begin', new Error('read-only'));
    bench.upstream.headAnswers.set('library/a', { sizeBytes: size, provenance: 'public' });
    const pull = bench.pull(content);
    await bench.settle();
    expect((await pull.served).outcome).toBe('bypass');
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);
  });

  test('at the commit keeps nothing and harms nobody', async () => {
    bench.content.failing.set('commit', new Error('input/output error'));
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(bench.committed).toEqual([]);
    expect(bench.storeErrors).toEqual(['commit']);
  });

  test('because the blob is larger than the cache lets it pass through', async () => {
    bench.fitsBytes = MiB;
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);
    expect(bench.storeErrors).toEqual([]);
  });
});
