// What clients send: request targets, names, digests, ranges, conditions, pages.
import { describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { createAddressIndex } from '../../src/http/address-book.ts';
import { allowsRange, matchesIfNoneMatch } from '../../src/http/conditional.ts';
import { warning } from '../../src/http/headers.ts';
import { nextLink, parsePage } from '../../src/http/page.ts';
import { demandOf, parseRange, selectSpans } from '../../src/http/range.ts';
import { parseRoute, type Route } from '../../src/http/route.ts';
import { isDigest, parseDigest } from '../../src/oci/digest.ts';
import { formatImageName, parseImageName } from '../../src/oci/image-name.ts';
import { essenceOf, isIndexType, isManifestType } from '../../src/oci/media-type.ts';
import { findPlatform, formatPlatform } from '../../src/oci/platform.ts';
import { formatReference, isRepository, isTag, parseReference } from '../../src/oci/reference.ts';
import { matchesWildcard } from '../../src/oci/wildcard.ts';
import { findNextLink } from '../../src/upstream/link.ts';
import { anyText, fuzz, outcomeOf, textOf } from './fuzz.ts';

const hex = 'ab'.repeat(32);
const digest = `sha256:${hex}`;
const upstreams = [
  { name: 'docker.io', aliases: ['index.docker.io'], virtualHosts: ['hub.lan'], isDefault: true },
  { name: 'ghcr.io', aliases: ['localhost:5000'], virtualHosts: ['ghcr.lan:7000'], isDefault: false },
];
const names = upstreams.flatMap(({ name, aliases }) => [name, ...aliases]);
const index = createAddressIndex({ upstreams });
const pathWords = [
  'v2',
  '/',
  '/',
  '/',
  'manifests',
  'blobs',
  'tags',
  'list',
  'referrers',
  '_catalog',
  'a',
  'library',
  'B',
];
const trickWords = [
  '..',
  '.',
  '%2f',
  '%2F',
  '%2e',
  '%3a',
  '%00',
  '%25',
  '%',
  '\\',
  '\0',
  '?',
  '&',
  '#',
  ';',
  '=',
  '__proto__',
];
const ownWords = ['ns=', 'n=', 'last=', 'artifactType=', ...names, digest, `sha512:${hex}${hex}`, ':', '@', 'latest'];

const target = textOf(...pathWords, ...trickWords, ...ownWords);
const method = fc.oneof({ arbitrary: fc.constantFrom('GET', 'HEAD'), weight: 9 }, anyText(10));
const host = fc.option(fc.oneof(textOf('hub.lan', 'GHCR.lan', ':', '7000', '@', '/'), anyText(20)), { nil: undefined });
const routeKinds =
  'method-unsupported endpoint-unknown upstream-unknown name-invalid digest-invalid tag-invalid page-invalid'.split(
    ' ',
  );

/** Whatever is let in has the shape that everything behind relies on. */
function expectSound(route: Route): void {
  if (route.namespace !== undefined) expect(names).toContain(route.namespace.toLowerCase());
  if (route.endpoint === 'base') return;
  if (route.endpoint === 'catalog') {
    expect([undefined, 'docker.io', 'ghcr.io']).toContain(route.upstream);
    return;
  }
  const { pull } = route;
  expect(['docker.io', 'ghcr.io']).toContain(pull.upstream);
  expect(pull.repository).toMatch(/^[a-z0-9][a-z0-9._/-]*$/);
  expect(pull.repository.length).toBeLessThanOrEqual(255 + 'library/'.length);
  expect(pull.repository.split('/').every((part) => /^[a-z0-9]/.test(part) && /[a-z0-9]$/.test(part))).toBe(true);
  if ('digest' in pull) expect(isDigest(pull.digest)).toBe(true);
  if (route.endpoint === 'manifest') {
    const { reference } = route.pull;
    expect(formatReference(reference)).toMatch(/^[\w][\w.:-]*$/);
  }
  if (route.endpoint === 'tags' && route.pull.n !== undefined) expect(route.pull.n).toBeLessThanOrEqual(10_000);
}

describe('a request target', () => {
  fuzz(
    'of any shape is a sound route or a declared error',
    fc.record({
      method,
      target: fc.oneof(
        target,
        target.map((text) => `/v2/${text}`),
      ),
      host,
    }),
    (request) => {
      const outcome = outcomeOf(() => parseRoute(request, index));
      if ('kind' in outcome) expect(routeKinds).toContain(outcome.kind);
      else expectSound(outcome.value);
    },
    3000,
  );

  const component = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,5}){0,2}$/);
  const name = fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/'));
  const tag = fc.stringMatching(/^\w[\w.-]{0,30}$/);
  fuzz(
    'says the same in every dialect',
    fc.tuple(name, fc.oneof(tag, fc.constant(digest))),
    ([repository, reference]) => {
      const rest = `${repository}/manifests/${reference}`;
      const expected = { upstream: 'ghcr.io', repository, reference: parseReference(reference) };
      const dialects = [
        `/v2/${rest}?ns=ghcr.io`,
        `/v2/ghcr.io/${rest}`,
        `/ghcr.io/v2/${rest}`,
        `/v2/localhost%3A5000/${rest}`,
      ];
      for (const text of dialects) {
        expect(parseRoute({ method: 'GET', target: text, host: undefined }, index)).toMatchObject({ pull: expected });
      }
      const byHost = parseRoute({ method: 'GET', target: `/v2/${rest}`, host: 'ghcr.lan:7000' }, index);
      expect(byHost).toMatchObject({ pull: expected });
    },
  );
});

describe('a name', () => {
  const words = ['a', 'b0', '.', '_', '__', '-', '/', ':', '@', 'A', ' ', '\n', digest, 'latest', ...names];
  fuzz('is a repository, a tag and a digest or none of them', textOf(...words), (text) => {
    if (isRepository(text)) expect(text).toMatch(/^[a-z0-9]+([._/-]+[a-z0-9]+)*$/);
    if (isTag(text)) expect(text).toMatch(/^\w[\w.-]{0,127}$/);
    expect(isTag(text) && isDigest(text)).toBe(false);
    for (const parse of [parseReference, parseDigest]) {
      const outcome = outcomeOf(() => parse(text));
      if ('kind' in outcome) expect(['digest-invalid', 'tag-invalid']).toContain(outcome.kind);
      else expect(typeof outcome.value === 'string' ? outcome.value : formatReference(outcome.value)).toBe(text);
    }
  });

  fuzz('of an image means the same when it is written in full', textOf(...words), (text) => {
    const outcome = outcomeOf(() => parseImageName(text, upstreams));
    if ('kind' in outcome) expect(outcome.kind).toBe('name-invalid');
    else expect(parseImageName(formatImageName(outcome.value), upstreams)).toEqual(outcome.value);
  });

  fuzz('of a platform is read as it is written', textOf('linux', '/', 'arm64', 'v8', '.', 'X'), (text) => {
    const platform = findPlatform(text);
    if (platform !== undefined) expect(formatPlatform(platform)).toBe(text);
  });

  fuzz(
    'of a media type has one essence',
    textOf('application/', 'vnd.oci.image', '.index.v1+json', ';', ' ', 'A'),
    (text) => {
      const essence = essenceOf(text);
      expect(essenceOf(essence)).toBe(essence);
      expect(essenceOf(`${essence}; charset=x`)).toBe(essence);
      if (isIndexType(essence)) expect(isManifestType(essence)).toBe(true);
    },
  );

  const letters = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 10 }).map((all) => all.join(''));
  const plain = letters.map((text) => text.replaceAll('*', ''));
  fuzz('matches a wildcard as a plain reading has it', fc.tuple(letters, plain), ([pattern, text]) => {
    const plainly = new RegExp(`^${pattern.replace(/\*+/g, '.*')}$`);
    expect(matchesWildcard(pattern, text)).toBe(plainly.test(text));
  });
});

describe('a Range', () => {
  const size = fc.oneof(fc.nat(50), fc.constantFrom(2 ** 40, Number.MAX_SAFE_INTEGER));
  const words = [
    'bytes=',
    'Bytes=',
    '-',
    ',',
    ' ',
    '0',
    '9',
    '18446744073709551616',
    '9007199254740991',
    'bytes',
    '\t',
  ];
  fuzz(
    'selects bytes that there are, no more than there are',
    fc.tuple(textOf(...words), size),
    ([header, sizeBytes]) => {
      const ranges = parseRange(header);
      const demand = demandOf(ranges);
      if (demand.type === 'from') expect(demand.start).toBeLessThan(demand.end);
      const outcome = outcomeOf(() => selectSpans(ranges, sizeBytes));
      if ('kind' in outcome) {
        expect(outcome.kind).toBe('range-invalid');
        return;
      }
      const { value } = outcome;
      const spans = value.type === 'single' ? [value.span] : value.type === 'multipart' ? value.spans : [];
      let total = 0;
      for (const { start, end } of spans) {
        expect(start).toBeGreaterThanOrEqual(0);
        expect(end).toBeGreaterThan(start);
        expect(end).toBeLessThanOrEqual(sizeBytes);
        // What is fetched before the size is known covers what goes out then.
        if (demand.type === 'from') expect([start >= demand.start, end <= demand.end]).toEqual([true, true]);
        total += end - start;
      }
      if (value.type === 'multipart') expect(total).toBeLessThanOrEqual(sizeBytes);
    },
    3000,
  );

  fuzz('counts only under its own tag', textOf('"', digest, ',', ' ', 'W/', '*'), (header) => {
    const etag = `"${digest}"`;
    if (matchesIfNoneMatch(header, etag)) expect(header.trim() === '*' || header.includes(etag)).toBe(true);
    if (allowsRange(header, etag)) expect(header.trim()).toBe(etag);
  });
});

describe('a page', () => {
  fuzz(
    'is small, or a declared error',
    textOf('n=', 'last=', '&', '1', '9', 'a', '%0d%0a', '%', 'ns=', '+'),
    (text) => {
      const outcome = outcomeOf(() => parsePage(new URLSearchParams(text)));
      if ('kind' in outcome) expect(outcome.kind).toBe('page-invalid');
      else expect(outcome.value.n ?? 0).toBeLessThanOrEqual(10_000);
    },
  );

  fuzz(
    'has a next one that stays here, whatever upstream calls it',
    fc.tuple(anyText(60), textOf('ns=', '&', 'n=', '"')),
    ([last, query]) => {
      const link = nextLink(`/v2/a/b/tags/list?${query.replaceAll('#', '')}`, { n: 5, last });
      expect(link).toMatch(/^<[\x21-\x3b\x3d\x3f-\x7e]+>; rel="next"$/);
      const next = new URL(findNextLink(link) ?? '', 'http://mirror.test/');
      expect([next.origin, next.pathname]).toEqual(['http://mirror.test', '/v2/a/b/tags/list']);
      expect(next.searchParams.getAll('last')).toEqual([last.toWellFormed()]);
    },
  );

  fuzz('may carry a warning of any text in one header', anyText(2000), (text) => {
    expect(warning(text)).toMatch(/^299 - "(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/);
  });
});
