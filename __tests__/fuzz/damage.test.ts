// What is read back from a disk that may have changed it: journals, rows, counts, names of files.
import { describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { isDigest } from '../../src/oci/digest.ts';
import { isManifestType } from '../../src/oci/media-type.ts';
import { pinsTag } from '../../src/oci/pin.ts';
import { contentKinds } from '../../src/store/catalog.ts';
import { toContent, toDescriptor, toPin, toTag } from '../../src/store/catalog-rows.ts';
import { DamageError } from '../../src/store/catalog-schema.ts';
import { findJournalState, formatJournal } from '../../src/store/journal.ts';
import { findPartialDigest, findQuarantinedDigest, createStorePaths, listDigests } from '../../src/store/paths.ts';
import { TrafficHistory } from '../../src/telemetry/traffic-history.ts';
import { anyText, expectNoPollution, fuzz, nearly, recordOf, textOf } from './fuzz.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const anyDigest = fc.oneof(
  fc.constant(digest),
  fc.constantFrom('sha256:../../etc', `${digest}\n`, digest.toUpperCase()),
  anyText(80),
);
/** What SQLite may give for any column, whatever its type was. */
const cell = fc.oneof(
  fc.integer(),
  fc.double(),
  anyText(20),
  fc.uint8Array({ maxLength: 8 }),
  fc.constant(null),
  fc.maxSafeInteger(),
);

/** Undefined for damage that was seen. */
function read<T>(give: () => T): T | undefined {
  try {
    return give();
  } catch (error) {
    if (error instanceof DamageError) return undefined;
    throw error;
  }
}

const count = (value: number) => Number.isSafeInteger(value) && value >= 0;

describe('a row of the catalog', () => {
  const row = recordOf({
    digest: anyDigest,
    size: fc.oneof(fc.nat(), cell),
    provenance: fc.oneof(fc.constantFrom('public', 'restricted'), cell),
    media_type: fc.oneof(fc.constantFrom('application/vnd.oci.image.index.v1+json', null, 'text/html\r\nx: y'), cell),
    kind: fc.oneof(fc.constantFrom(...contentKinds), cell),
    last_used: fc.oneof(fc.nat(), cell),
    hits: fc.oneof(fc.nat(), cell),
    checked: fc.oneof(fc.nat(), cell),
    etag: fc.oneof(fc.constant('"a"'), cell),
  }).map((value) => value as Readonly<Record<string, unknown>>);

  fuzz(
    'is what was written, or damage',
    row,
    (given) => {
      const content = read(() => toContent(given));
      if (content !== undefined) {
        expect([isDigest(content.digest), count(content.sizeBytes), count(content.hits)]).toEqual([true, true, true]);
        expect(Number.isFinite(content.lastUsedMs)).toBe(true);
        expect(content.mediaType === undefined || isManifestType(content.mediaType)).toBe(true);
        // In doubt nobody may see it.
        expect(content.provenance).toBe(given['provenance'] === 'public' ? 'public' : 'restricted');
      }
      const descriptor = read(() => toDescriptor(given));
      if (descriptor !== undefined)
        expect([isDigest(descriptor.digest), count(descriptor.sizeBytes)]).toEqual([true, true]);
      const tag = read(() => toTag(given));
      if (tag !== undefined) expect(tag.etag ?? '').toMatch(/^[\x20-\xff]*$/);
    },
    2000,
  );

  const pin = recordOf({
    type: fc.constantFrom('image', 'digest'),
    digest: anyDigest,
    upstream: fc.string(),
    repository: fc.string(),
    tag: fc.string(),
  });
  fuzz(
    'about a pin is a pin, or damage',
    fc.oneof(
      pin.map((value) => JSON.stringify(value)),
      fc.json(),
      cell,
    ),
    (given) => {
      const found = read(() => toPin(given));
      if (found?.type === 'digest') expect(isDigest(found.digest)).toBe(true);
      if (found?.type === 'image')
        expect(typeof pinsTag(found, { upstream: 'a', repository: 'b' }, 'c')).toBe('boolean');
      expectNoPollution();
    },
  );
});

describe('a journal', () => {
  const offset = fc.oneof(fc.nat(100), fc.maxSafeInteger(), fc.double());
  const spans = fc.array(nearly(fc.tuple(offset, offset)), { maxLength: 6 });
  const state = recordOf({ version: fc.constant(1), sizeBytes: fc.oneof(fc.nat(200), fc.constant(null)), spans });
  const sound = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 8 }).map((steps) => {
    let at = 0;
    const list = steps.map((step) => ({ start: (at += step) - 1, end: (at += step) }));
    return formatJournal({ spans: list, sizeBytes: at + 1 });
  });
  /** One character is another, is missing, or is where it all ends. */
  const damaged = fc
    .tuple(sound, fc.nat(200), fc.constantFrom('', '9', '-', ']', '\0', '1e9'))
    .map(([text, at, put]) => {
      const place = at % text.length;
      return `${text.slice(0, place)}${put}${text.slice(place + 1)}`;
    });
  const cut = fc.tuple(sound, fc.nat(200)).map(([text, at]) => text.slice(0, at));

  fuzz(
    'gives spans in order, apart and inside, or nothing',
    fc.oneof(
      state.map((value) => JSON.stringify(value)),
      sound,
      damaged,
      cut,
      anyText(60),
    ),
    (text) => {
      const found = findJournalState(text);
      if (found === undefined) return;
      let last = 0;
      for (const { start, end } of found.spans) {
        expect([count(start), count(end), start >= last, end > start]).toEqual([true, true, true, true]);
        last = end;
      }
      expect(last).toBeLessThanOrEqual(found.sizeBytes ?? Number.MAX_SAFE_INTEGER);
      expect(findJournalState(formatJournal(found))).toEqual(found);
      expectNoPollution();
    },
    2000,
  );
});

describe('a file name', () => {
  const paths = createStorePaths('/cache');
  const words = ['sha256-', 'sha512-', 'ab'.repeat(32), '.part', '..', '/', '\0', 'AB', '.journal'];
  fuzz('in the cache directory is that of a digest, or nobody’s', textOf(...words), (name) => {
    const partial = findPartialDigest(name);
    if (partial !== undefined) expect(paths.partial(partial)).toBe(`/cache/fills/${name}`);
    const quarantined = findQuarantinedDigest(name);
    if (quarantined !== undefined) expect(paths.quarantined(quarantined)).toBe(`/cache/quarantine/${name}`);
    for (const found of listDigests([name], 'sha256:ab')) {
      expect(paths.blob({ digest: found, provenance: 'public' })).toBe(`/cache/blobs/public/sha256/ab/${name}`);
    }
  });
});

describe('the history of the traffic', () => {
  const nowMs = Date.UTC(2026, 10, 26);
  const step = fc.array(fc.oneof(fc.nat(), fc.double(), fc.maxSafeInteger(), fc.constant(null)), { maxLength: 7 });
  const saved = recordOf({
    first: fc.oneof(fc.nat(), fc.maxSafeInteger()),
    steps: fc.array(nearly(step), { maxLength: 5 }),
  });
  fuzz(
    'is a bounded list of counts, whatever was saved',
    fc.oneof(
      saved.map((value) => JSON.stringify(value)),
      fc.json(),
      anyText(40),
    ),
    (text) => {
      const history = new TrafficHistory(nowMs);
      history.restore(text, nowMs);
      const points = history.list(nowMs);
      expect(points.length).toBeLessThanOrEqual(10_000);
      for (const point of points) expect(Number.isFinite(point.startMs)).toBe(true);
    },
  );
});
