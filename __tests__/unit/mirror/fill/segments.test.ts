import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Segments, type Plan, type Segment } from '../../../../src/mirror/fill/segments.ts';
import { SpanSet } from '../../../../src/mirror/fill/span-set.ts';

const KiB = 1024;

function plan(facts: Partial<Plan> = {}): Plan {
  return {
    waiting: [],
    isWhole: true,
    asked: new SpanSet(),
    pieceBytes: 8,
    demandBytes: 4,
    patienceBytes: Infinity,
    ...facts,
  };
}

function sized(sizeBytes: number, recovered: { start: number; end: number }[] = []): Segments {
  const segments = new Segments(recovered);
  segments.setSize(sizeBytes);
  return segments;
}

describe('segments', () => {
  test('the window takes one piece after the other from the front', () => {
    const segments = sized(20);
    expect(segments.claim(plan())).toEqual({ position: 0, end: 8 });
    expect(segments.claim(plan())).toEqual({ position: 8, end: 16 });
    expect(segments.claim(plan())).toEqual({ position: 16, end: 20 });
    expect(segments.claim(plan())).toBeUndefined();
  });

  test('a reader far ahead gets a smaller piece at its offset before the window goes on', () => {
    const segments = sized(100);
    segments.claim(plan({ waiting: [0] }));
    expect(segments.claim(plan({ waiting: [0, 90] }))).toEqual({ position: 90, end: 94 });
    expect(segments.claim(plan({ waiting: [0, 90] }))).toEqual({ position: 8, end: 16 });
  });

  test('a piece ends where bytes are here or coming', () => {
    const segments = sized(100, [{ start: 4, end: 10 }]);
    expect(segments.claim(plan())).toEqual({ position: 0, end: 4 });
    expect(segments.claim(plan())).toEqual({ position: 10, end: 18 });
  });

  test('what a broken segment did not bring is claimed again from where it stopped', () => {
    const segments = sized(8);
    const segment = segments.claim(plan()) as Segment;
    segments.advance(segment, 3);
    segments.release(segment);
    expect(segments.claim(plan())).toEqual({ position: 3, end: 8 });
  });

  test('a segment that would keep a reader waiting is cut where the reader waits', () => {
    const segments = sized(100);
    const first = segments.claim(plan({ pieceBytes: 100 })) as Segment;
    expect(segments.claim(plan({ waiting: [60], patienceBytes: 60 }))).toBeUndefined();
    expect(segments.claim(plan({ waiting: [60], patienceBytes: 59, pieceBytes: 100 }))).toEqual({
      position: 60,
      end: 100,
    });
    expect(first).toEqual({ position: 0, end: 60 });
  });

  test('only what was asked for is fetched while the whole is not wanted', () => {
    const segments = sized(KiB * KiB);
    const asked = new SpanSet([{ start: 300 * KiB, end: 700 * KiB }]);
    const facts = { isWhole: false, asked, pieceBytes: 200 * KiB };
    expect(segments.claim(plan(facts))).toEqual({ position: 300 * KiB, end: 500 * KiB });
    expect(segments.claim(plan(facts))).toEqual({ position: 500 * KiB, end: 700 * KiB });
    expect(segments.claim(plan(facts))).toBeUndefined();
  });

  test('a segment of unknown end is cut when the size becomes known', () => {
    const segments = new Segments();
    const segment = segments.claimRest() as Segment;
    expect(segment.end).toBe(Infinity);
    expect(segments.claim(plan())).toBeUndefined();
    segments.advance(segment, 5);
    segments.setSize(9);
    expect(segment).toEqual({ position: 5, end: 9 });
    expect(() => segments.advance(segment, 5)).toThrow('more bytes than the segment holds');
  });

  test('an object of no bytes is complete as soon as its size is known', () => {
    expect(sized(0).isComplete).toBe(true);
    expect(sized(0).claim(plan())).toBeUndefined();
  });
});

type Byte = 'missing' | 'coming' | 'here';
type Step =
  | { type: 'claim'; waiting: number[]; isWhole: boolean; piece: number; demand: number; patience: number }
  | { type: 'advance'; which: number; length: number }
  | { type: 'release'; which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constant('claim' as const),
    waiting: fc.array(fc.nat(63), { maxLength: 5 }),
    isWhole: fc.boolean(),
    piece: fc.integer({ min: 1, max: 20 }),
    demand: fc.integer({ min: 1, max: 10 }),
    patience: fc.nat(64),
  }),
  fc.record({ type: fc.constant('advance' as const), which: fc.nat(), length: fc.nat(20) }),
  fc.record({ type: fc.constant('release' as const), which: fc.nat() }),
);

/** Every byte on its own: what `Segments` must agree with after any order of events. */
class Reference {
  readonly bytes: Byte[];
  readonly running: Segment[] = [];

  constructor(size: number) {
    this.bytes = Array.from({ length: size }, () => 'missing');
  }

  claimed(segment: Segment): void {
    // After a split the new segment's bytes belonged to another one, which has given them up.
    for (const other of this.running) {
      for (let at = other.position; at < other.end; at++) {
        expect(at >= segment.position && at < segment.end).toBe(false);
      }
    }
    for (let at = segment.position; at < segment.end; at++) expect(this.bytes[at]).not.toBe('here');
    this.running.push(segment);
  }

  settle(): void {
    for (const [at, byte] of this.bytes.entries()) {
      if (byte === 'here') continue;
      const isComing = this.running.some((segment) => segment.position <= at && at < segment.end);
      this.bytes[at] = isComing ? 'coming' : 'missing';
    }
  }
}

describe('segments in any order of arrival, failure and demand', () => {
  test('agree with a byte-by-byte model, ask for no byte twice and always complete', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(step, { maxLength: 80 }), (size, steps) => {
        const segments = sized(size);
        const model = new Reference(size);
        for (const current of steps) {
          apply(segments, model, current);
          model.settle();
          agree(segments, model);
        }
        finish(segments, model);
        expect(segments.isComplete).toBe(true);
        expect(segments.missingBytes).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});

function apply(segments: Segments, model: Reference, current: Step): void {
  if (current.type === 'claim') {
    const waiting = current.waiting.filter(
      (offset) => model.bytes[offset] !== undefined && model.bytes[offset] !== 'here',
    );
    const facts = {
      waiting,
      isWhole: current.isWhole,
      asked: new SpanSet(waiting.map((start) => ({ start, end: start + 1 }))),
      pieceBytes: current.piece,
      demandBytes: current.demand,
      patienceBytes: current.patience,
    };
    const wanted = model.bytes.some((byte, at) => byte === 'missing' && (current.isWhole || waiting.includes(at)));
    const segment = segments.claim(facts);
    if (segment === undefined) expect(wanted).toBe(false);
    else model.claimed(segment);
    return;
  }
  const segment = model.running[current.which % Math.max(model.running.length, 1)];
  if (segment === undefined) return;
  if (current.type === 'release') {
    segments.release(segment);
    model.running.splice(model.running.indexOf(segment), 1);
    return;
  }
  const length = Math.min(current.length, segment.end - segment.position);
  for (let at = segment.position; at < segment.position + length; at++) model.bytes[at] = 'here';
  segments.advance(segment, length);
}

function agree(segments: Segments, model: Reference): void {
  for (const [at, byte] of model.bytes.entries()) {
    expect(segments.here.covers({ start: at, end: at + 1 })).toBe(byte === 'here');
  }
  expect(segments.missingBytes).toBe(model.bytes.filter((byte) => byte !== 'here').length);
  expect(segments.isComplete).toBe(model.bytes.every((byte) => byte === 'here'));
  const owned = model.running.flatMap((segment) =>
    Array.from({ length: segment.end - segment.position }, (_, index) => segment.position + index),
  );
  expect(new Set(owned).size).toBe(owned.length);
}

function finish(segments: Segments, model: Reference): void {
  for (const segment of model.running) {
    segments.advance(segment, segment.end - segment.position);
    segments.release(segment);
  }
  for (let segment = segments.claim(plan()); segment !== undefined; segment = segments.claim(plan())) {
    segments.advance(segment, segment.end - segment.position);
    segments.release(segment);
  }
}

describe('span sets', () => {
  test('agree with a plain set of numbers', () => {
    const spans = fc.array(fc.tuple(fc.nat(60), fc.nat(20)));
    fc.assert(
      fc.property(spans, (list) => {
        const set = new SpanSet();
        const plain = new Set<number>();
        for (const [start, length] of list) {
          set.add({ start, end: start + length });
          for (let at = start; at < start + length; at++) plain.add(at);
        }
        expect(set.totalBytes).toBe(plain.size);
        for (let from = 0; from <= 82; from++) {
          let missing = from;
          while (plain.has(missing)) missing++;
          expect(set.firstMissing(from)).toBe(missing);
          const present = [...plain].filter((at) => at >= from);
          expect(set.firstPresent(from)).toBe(Math.min(...present));
        }
        for (const [index, span] of set.spans.entries()) {
          expect(span.end).toBeGreaterThan(span.start);
          const next = set.spans[index + 1];
          if (next !== undefined) expect(next.start).toBeGreaterThan(span.end);
        }
      }),
    );
  });
});
