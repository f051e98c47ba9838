// Every parser takes time in proportion to its input. The worst shapes are searched for: a beginning, a piece that is
// repeated up to 100 kB, and an end, out of the words of the grammar. What is slow is compared with a sixteenth of itself:
// in proportion it takes 16 times as long, a search that goes back 256 times.
// A program of its own, run by fuzz/linear.test.ts: nothing else is measured along with it, and what the compiler makes of
// loops that are this hot concerns no other test. It prints what grows too fast, and ends with status 1 then.
import fc from 'fast-check';
import { z } from 'zod';
import { requireToken } from '../../../src/admin/access.ts';
import { parseImageNames } from '../../../src/admin/body.ts';
import { createHostCheck } from '../../../src/admin/host-check.ts';
import { parseQuery } from '../../../src/admin/query.ts';
import { toPrintable } from '../../../src/cli/text/printable.ts';
import { findLogin } from '../../../src/compose/credential-helper.ts';
import { parseYaml } from '../../../src/config/yaml-text.ts';
import { createAddressIndex } from '../../../src/http/address-book.ts';
import { matchesIfNoneMatch } from '../../../src/http/conditional.ts';
import { demandOf, parseRange, selectSpans } from '../../../src/http/range.ts';
import { parseRoute } from '../../../src/http/route.ts';
import { isDigest } from '../../../src/oci/digest.ts';
import { parseImageName } from '../../../src/oci/image-name.ts';
import { readImageParts } from '../../../src/oci/image-parts.ts';
import { parseManifest } from '../../../src/oci/manifest.ts';
import { essenceOf, mediaTypes } from '../../../src/oci/media-type.ts';
import { findPlatform } from '../../../src/oci/platform.ts';
import { isRepository, isTag } from '../../../src/oci/reference.ts';
import { matchesWildcard } from '../../../src/oci/wildcard.ts';
import { findJournalState } from '../../../src/store/journal.ts';
import { redactText } from '../../../src/telemetry/redact.ts';
import { createEventParser } from '../../../src/ui/api/event-text.ts';
import { parseChallenges } from '../../../src/upstream/challenge.ts';
import { findContentRange } from '../../../src/upstream/content-range.ts';
import { findNextLink } from '../../../src/upstream/link.ts';
import { parseQuota } from '../../../src/upstream/rate-budget.ts';
import { judgeRealm } from '../../../src/upstream/realm.ts';
import { findRetryAfterMs } from '../../../src/upstream/retry-after.ts';
import { seeded } from '../property-seed.ts';

const fullLength = 100_000;
/** Of so little time nobody could make much: no search that goes back over 100 kB is done in it. */
const negligibleMs = 50;
const upstreams = [{ name: 'docker.io', aliases: [], virtualHosts: [], isDefault: true }];
const index = createAddressIndex({ upstreams });
/** Node's URLSearchParams goes back over names without a value; the listener takes no longer heads than this. */
const inHead = (text: string): string => text.slice(0, 32 * 1024);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const route = (target: string) => parseRoute({ method: 'GET', target, host: undefined }, index);
const anyObject = z.record(z.string(), z.string());
const isOwnHost = createHostCheck(() => ['admin.lan']);
const checkToken = requireToken({ matches: async () => await Promise.resolve(false) });

/** What a request is asked for its token, and an answer that goes nowhere. */
function authorize(authorization: string): void {
  const response = { setHeader: () => response, end: () => response };
  void checkToken({ headers: { authorization }, socket: {} } as never, response as never, () => undefined);
}

const targets: Readonly<Record<string, readonly [read: (text: string) => unknown, words: readonly string[]]>> = {
  'a path': [
    (text) => route(`/v2/${text}`),
    ['a', '/', '-', '_', '.', '%3a', '%2f', 'blobs', 'manifests', 'sha256:', '!', '?', 'ns='],
  ],
  'a path before /v2': [(text) => route(text), ['/', 'a', '%3A', 'docker.io', 'v2', '?', '&']],
  'a query': [
    (text) => route(`/v2/a/b/tags/list?${inHead(text)}`),
    ['n=1', '&', 'last=a', '=', '%', 'ns=docker.io', '+', ';'],
  ],
  'a Range': [parseRange, ['bytes=', '0', '-', ',', ' ', '9', '5-9', '\t', 'x']],
  'the spans of a Range': [(text) => selectSpans(parseRange(`bytes=${text}`), 1e9), ['0-1', ',', '-5', '9-', ' ', '0']],
  'the demand of a Range': [(text) => demandOf(parseRange(`bytes=${text}`)), ['0-1', ',', '5-', ' ']],
  'If-None-Match': [(text) => matchesIfNoneMatch(text, '"x"'), ['"', ',', ' ', 'W/', 'x', '*']],
  'a repository': [isRepository, ['a', '-', '_', '__', '.', '/', 'A']],
  'a tag': [isTag, ['a', '-', '.', '_', '\n']],
  'a digest': [isDigest, ['sha256:', 'a', 'f', 'g', '\n']],
  'an image name': [(text) => parseImageName(text, upstreams), ['a', '/', ':', '@', '.', 'sha256:', '-', '_']],
  'a platform': [findPlatform, ['linux', '/', 'a', '.', '-']],
  'a media type': [essenceOf, ['a', '/', ';', ' ', '\t', '=']],
  'a wildcard': [(text) => matchesWildcard(text.slice(0, 300), text), ['*', 'a', 'b', 'ab', '**']],
  'a challenge': [parseChallenges, ['Bearer', ' ', '=', '"', ',', '\\', 'a', 'realm="']],
  'a realm': [
    (text) => judgeRealm(text, new URL('https://x.test'), ['y.test']),
    ['https://', '@', ':', '.', 'a', '/', '?'],
  ],
  'a Link': [findNextLink, ['<', '>', ',', ';', '"', 'rel=', 'next', '\\', ' ']],
  'a Retry-After': [(text) => findRetryAfterMs(text, 0), ['1', '.', ' ', 'Mon, ', 'GMT', ':']],
  'a Content-Range': [findContentRange, ['bytes ', '1', '-', '/', '*', ' ']],
  'a quota': [parseQuota, ['7', ';', 'w=', ' ', ',', '\n']],
  'a manifest': [
    (text) => parseManifest(encode(text), mediaTypes.ociIndex),
    ['{', '}', '[', ']', '"', ':', ',', 'a', '"manifests":[', '{},', ' '],
  ],
  'the parts of an image': [
    (text) => readImageParts(encode(`{"layers":[${text}{}]}`), mediaTypes.ociManifest),
    ['{},', '{"digest":"a"},', '[],', '1,', '{"mediaType":".foreign.","urls":[]},'],
  ],
  'an event stream': [createEventParser(), ['data:', 'a', '\n', '\r', ':', ' ', 'event:', '\u2028']],
  'a log text': [redactText, ['://', '@', '?', '=', '"', ' ', 'bearer ', 'cookie', ':', 'token', 'eyJ', '.', '-', 'a']],
  'a line for a terminal': [toPrintable, ['\u001b', '[', '\u202e', 'a', '\n']],
  'a Host': [(text) => isOwnHost(text, '::1'), ['a', ':', '1', '.', '[', ']', '127.']],
  'an Authorization': [authorize, ['Bearer', ' ', 'a', '\t']],
  'a query of the API': [(text) => parseQuery(anyObject, `/x?${inHead(text)}`), ['a', 'b', '1', '&', '=', '%', '&x']],
  'references of the API': [(text) => parseImageNames(text.split(' '), upstreams), ['alpine', ' ', ':', 'a', '/']],
  'a journal': [findJournalState, ['{"version":1,"spans":[', '[0,1]', ',', '[', ']', '}', '1', '"']],
  'the words of a helper': [findLogin, ['{', '"Username":', '"a"', ',', '}', '[']],
  'a configuration': [
    (text) => parseYaml(text, 'file'),
    ['a', ':', ' ', '\n', '- ', '"', '#', '|', ',', '&a ', '*a ', "'"],
  ],
};

const runs = 40;
/** Slow for its length, though in proportion to it. */
const runsOfConfiguration = 10;
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0);

/** Milliseconds, the best of some: what else the machine does only adds. */
function timeOf(run: () => unknown, times: number): number {
  let best = Infinity;
  for (let n = 0; n < times; n += 1) {
    const startMs = performance.now();
    try {
      run();
    } catch {
      // Refusing takes time too.
    }
    best = Math.min(best, performance.now() - startMs);
  }
  return best;
}

for (const [name, [read, words]] of Object.entries(targets)) {
  const part = (minLength: number) =>
    fc.array(fc.constantFrom(...words), { minLength, maxLength: 4 }).map((parts) => parts.join(''));
  // Numbered, names differ where it is names that are looked up.
  const shape = fc.record({ start: part(0), piece: part(1), isNumbered: fc.boolean(), end: part(0) });
  const limits =
    seconds > 0
      ? { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false }
      : { numRuns: name === 'a configuration' ? runsOfConfiguration : runs };
  const { failed, counterexample, seed } = fc.check(
    fc.property(shape, (given) => !growsTooFast(read, given)),
    { ...limits, ...seeded },
  );
  if (!failed) continue;
  process.stdout.write(`${name}: ${JSON.stringify(counterexample)}, seed ${seed}\n`);
  process.exitCode = 1;
}

interface Shape {
  readonly start: string;
  readonly piece: string;
  readonly isNumbered: boolean;
  readonly end: string;
}

function growsTooFast(read: (text: string) => unknown, shape: Shape): boolean {
  const [long, short] = [make(shape, fullLength), make(shape, fullLength / 16)];
  if (timeOf(() => read(long), 1) < negligibleMs) return false;
  const [longMs, shortMs] = [timeOf(() => read(long), 2), timeOf(() => read(short), 3)];
  return longMs > negligibleMs && longMs / shortMs > 80;
}

function make({ start, piece, isNumbered, end }: Shape, length: number): string {
  const count = Math.ceil(length / (piece.length + (isNumbered ? 5 : 0)));
  const pieces = isNumbered ? Array.from({ length: count }, (_, at) => `${piece}${at}`) : [piece.repeat(count)];
  return `${start}${pieces.join('')}${end}`;
}
