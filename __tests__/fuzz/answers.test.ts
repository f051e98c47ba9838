// What upstreams, their token services and their storage send: headers and bodies.
import { describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { isDigest } from '../../src/oci/digest.ts';
import { readImageParts } from '../../src/oci/image-parts.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import { isManifestType, mediaTypes } from '../../src/oci/media-type.ts';
import { blamesScope, parseChallenges } from '../../src/upstream/challenge.ts';
import { findContentRange } from '../../src/upstream/content-range.ts';
import { findNextLink } from '../../src/upstream/link.ts';
import { parseQuota } from '../../src/upstream/rate-budget.ts';
import { judgeRealm } from '../../src/upstream/realm.ts';
import { findEncoding, findLength } from '../../src/upstream/response-body.ts';
import { findRetryAfterMs, maxRetryAfterMs } from '../../src/upstream/retry-after.ts';
import { anyText, expectNoPollution, fuzz, nearly, outcomeOf, recordOf, textOf } from './fuzz.ts';

/** One header, several, or none. */
const headerOf = (text: fc.Arbitrary<string>) =>
  fc.oneof(text, fc.array(text, { maxLength: 4 }), fc.constant(undefined));
const lengthOf = (header: string | readonly string[] | undefined) => [header ?? ''].flat().join('').length;

describe('a challenge', () => {
  const words = [
    'Bearer',
    'Basic',
    ' ',
    ',',
    '=',
    '"',
    '\\',
    'realm',
    'service',
    'scope',
    'error',
    'insufficient_scope',
    '\t',
  ];
  fuzz('gives schemes and values that stand in it', headerOf(textOf(...words)), (header) => {
    const challenges = parseChallenges(header);
    for (const { scheme, parameters } of challenges) {
      expect(scheme).toMatch(/^[^\s,="A-Z]+$/);
      for (const [name, value] of parameters) {
        expect(name).toBe(name.toLowerCase());
        expect(value.length).toBeLessThanOrEqual(lengthOf(header));
      }
    }
    expect(typeof blamesScope(header)).toBe('boolean');
  });

  const realmWords = [
    'https://',
    'http:',
    '//',
    'registry.test',
    'auth.test',
    ':443',
    ':5000',
    '@',
    '/token',
    '?',
    '#',
    '\\',
    '.',
    '%2e',
    '[::1]',
  ];
  const upstreamUrl = new URL('https://registry.test/');
  fuzz('leads the login nowhere but where it belongs', textOf(...realmWords), (realm) => {
    const judged = judgeRealm(realm, upstreamUrl, ['auth.test']);
    if (judged.type === 'refused') return;
    const { url } = judged;
    expect([url.protocol, url.username, url.password]).toEqual(['https:', '', '']);
    const hosts = ['registry.test', 'registry.test.', 'auth.test', 'auth.test.'];
    expect(judged.type === 'trusted').toBe(hosts.includes(url.hostname) && url.port === '');
  });
});

describe('a header', () => {
  const linkWords = ['<', '>', ';', ',', 'rel', '=', '"', 'next', 'prev', ' ', '\\', '/v2/a/tags/list?last=x', 'REL'];
  fuzz('Link gives a piece of itself or nothing', headerOf(textOf(...linkWords)), (header) => {
    const next = findNextLink(header);
    if (next !== undefined) expect([header ?? ''].flat().join(', ')).toContain(next);
  });

  fuzz(
    'Link is found whatever stands before it',
    fc.array(fc.constantFrom('</a>; rel=prev', '<b>; title="x, y; rel=next"', '<c>')),
    (others) => {
      expect(findNextLink([...others, '</v2/x?last=1>; rel="next"'].join(', '))).toBe('/v2/x?last=1');
    },
  );

  const rangeWords = ['bytes', ' ', '=', '-', '/', '*', '0', '5', '10', '9007199254740991', '99999999999999999999'];
  fuzz('Content-Range gives a span inside the size or nothing', headerOf(textOf(...rangeWords)), (header) => {
    const range = findContentRange(header);
    if (range?.sizeBytes !== undefined) expect(Number.isSafeInteger(range.sizeBytes)).toBe(true);
    if (range?.span === undefined) return;
    const { start, end } = range.span;
    expect([Number.isSafeInteger(start), Number.isSafeInteger(end), start >= 0, start < end]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(end).toBeLessThanOrEqual(range.sizeBytes ?? Number.MAX_SAFE_INTEGER);
  });

  const size = fc.nat(Number.MAX_SAFE_INTEGER - 2);
  fuzz('Content-Range is read as it is written', fc.tuple(size, size, fc.boolean()), ([one, other, isKnown]) => {
    const [start, end] = [Math.min(one, other), Math.max(one, other) + 1];
    expect(findContentRange(`bytes ${start}-${end - 1}/${isKnown ? end : '*'}`)).toEqual({
      span: { start, end },
      sizeBytes: isKnown ? end : undefined,
    });
  });

  const timeWords = [
    'Thu, 26 Nov 2026 10:00:00 GMT',
    '1',
    '30',
    '.',
    '-',
    'e9',
    '1764151200',
    '1764151200000',
    'Mon',
    'Infinity',
  ];
  const now = Date.UTC(2026, 10, 26);
  fuzz('Retry-After never makes anybody wait long', headerOf(textOf(...timeWords)), (header) => {
    const waitMs = findRetryAfterMs(header, now);
    if (waitMs === undefined) return;
    expect(Number.isSafeInteger(waitMs)).toBe(true);
    expect(waitMs).toBeGreaterThanOrEqual(1000);
    expect(waitMs).toBeLessThanOrEqual(maxRetryAfterMs);
  });

  fuzz(
    'that tells a quota tells a whole number',
    headerOf(textOf('76', ';', 'w=', '21600', ' ', ',', '-', '.')),
    (header) => {
      const quota = parseQuota(header);
      if (quota === undefined) return;
      expect(Number.isSafeInteger(quota.count)).toBe(true);
      expect(Number.isSafeInteger(quota.windowSeconds ?? 0)).toBe(true);
    },
  );

  fuzz(
    'that tells a length tells one that can be',
    textOf('0', '12', '-', ' ', '+', '0x', 'e5', '99999999999999999'),
    (length) => {
      const found = findLength({ 'content-length': length });
      if (found !== undefined) expect([Number.isSafeInteger(found), length.length < 16]).toEqual([true, true]);
      expect(findLength({ 'content-length': length, 'content-encoding': 'gzip' })).toBeUndefined();
    },
  );

  fuzz(
    'that tells an encoding tells nothing for identity',
    headerOf(textOf('gzip', 'identity', ',', ' ', 'X-GZIP')),
    (header) => {
      expect(findEncoding(header)).not.toBe('identity');
      expect(findEncoding(header)).not.toBe('');
    },
  );
});

describe('a manifest', () => {
  const digest = fc.constantFrom(
    `sha256:${'ab'.repeat(32)}`,
    `sha512:${'cd'.repeat(64)}`,
    'sha256:../../x',
    `sha256:${'AB'.repeat(32)}`,
  );
  const type = fc.constantFrom(
    ...Object.values(mediaTypes),
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'text/html',
    '',
  );
  const size = fc.oneof(fc.nat(), fc.constantFrom(-1, 0.5, 1e300, Number.MAX_SAFE_INTEGER, '7'));
  const platform = recordOf({
    os: fc.constantFrom('linux', 'LINUX', 'unknown'),
    architecture: fc.constant('arm64'),
    variant: fc.constant('v8'),
  });
  const annotations = recordOf({ 'vnd.docker.reference.type': fc.constant('attestation-manifest') });
  const descriptor = recordOf({
    digest,
    mediaType: type,
    size,
    platform,
    annotations,
    urls: fc.array(fc.webUrl(), { maxLength: 2 }),
  });
  const list = nearly(fc.array(nearly(descriptor), { maxLength: 5 }));
  const body = recordOf({
    schemaVersion: fc.constant(2),
    mediaType: type,
    config: descriptor,
    layers: list,
    manifests: list,
  });
  const text = fc.oneof({ arbitrary: body.map((value) => JSON.stringify(value)), weight: 4 }, fc.json(), anyText(50));
  const bytes = fc.oneof({ arbitrary: text.map((json) => new TextEncoder().encode(json)), weight: 6 }, fc.uint8Array());

  fuzz(
    'is read soundly, or refused',
    fc.tuple(bytes, fc.oneof(type, anyText(20))),
    ([given, contentType]) => {
      const outcome = outcomeOf(() => parseManifest(given, contentType));
      expectNoPollution();
      if ('kind' in outcome) {
        expect(outcome.kind).toBe('content-mismatch');
        return;
      }
      const { mediaType, children } = outcome.value;
      expect(isManifestType(mediaType)).toBe(true);
      const { manifests, blobs } = readImageParts(given, mediaType);
      expectNoPollution();
      const parts = [...manifests, ...blobs];
      // Both readers see the same, or a purge would miss what a pull has brought.
      expect(parts.map((part) => part.digest)).toEqual(children.map((child) => child.digest));
      for (const child of [...children, ...parts]) {
        expect([isDigest(child.digest), Number.isSafeInteger(child.sizeBytes), child.sizeBytes >= 0]).toEqual([
          true,
          true,
          true,
        ]);
        expect(typeof child.mediaType).toBe('string');
      }
    },
    2000,
  );
});
