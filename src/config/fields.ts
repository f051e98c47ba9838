import { z } from 'zod';
import { findPlatform } from '../oci/platform.ts';
import { networkWords } from './config.ts';
import { findPullRule, pullRuleExpectation } from '../oci/pull-rule.ts';
import { platformExpectation } from './images.ts';
import { findPin, pinExpectation } from './pins.ts';
import {
  durationExpectation,
  isAddressRange,
  isDestination,
  isHostWithPort,
  isRegistryHost,
  listenExpectation,
  parseDuration,
  parseListenAddress,
  parseSize,
  sizeExpectation,
  UnitError,
} from './units.ts';

/** The kinds of values a key can hold. Each field's messages say what was expected; see `findings.ts`. */

interface Bounds {
  /** Inclusive, written as in the file. */
  readonly min?: string;
  readonly max?: string;
}

/**
 * A duration as text, in milliseconds. Timers take bounds: Node's overflow after 24 days, and a time limit
 * of 0 would end everything at once.
 */
export function duration(bounds: Bounds & { readonly orForever?: boolean; readonly orNever?: boolean } = {}) {
  const endless = [bounds.orForever === true ? 'forever' : [], bounds.orNever === true ? 'never' : []].flat();
  const expected = [durationExpectation, ...endless.map((word) => `or ${word}`)].join(', ');
  return quantity(expected, bounds, (text) => (endless.includes(text) ? Infinity : parseDuration(text)));
}

/** A size as text, in bytes. */
export function size(bounds: Bounds = {}) {
  return quantity(sizeExpectation, bounds, parseSize);
}

function quantity(kind: string, { min, max }: Bounds, parse: (text: string) => number) {
  const range = [min === undefined ? [] : `at least ${min}`, max === undefined ? [] : `at most ${max}`].flat();
  const expected = [kind, ...range].join(', ');
  return z.union([z.string(), z.number()], { error: expected }).transform((input, context) =>
    check(context, { shown: input, expected }, () => {
      const value = parse(String(input));
      const isBelow = max === undefined || value === Infinity || value <= parse(max);
      const isInside = (min === undefined || value >= parse(min)) && isBelow;
      if (!isInside) throw new UnitError(expected);
      return value;
    }),
  );
}

/** One `host:port` or a list of them. */
export function listenAddresses() {
  const one = z
    .string({ error: listenExpectation })
    .transform((text, context) => check(context, { shown: text }, () => parseListenAddress(text)));
  const many = z.array(one).min(1, { error: listenExpectation });
  return z
    .union([z.string(), z.array(z.unknown())], { error: `${listenExpectation}, or a list of these` })
    .transform((input, context) => {
      const parsed = many.safeParse(typeof input === 'string' ? [input] : input);
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) {
        const path = typeof input === 'string' ? [] : issue.path;
        context.issues.push({ ...issue, code: 'custom', path, input });
      }
      return z.NEVER;
    });
}

/** A whole number within inclusive bounds. */
export function wholeNumber(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  return z.number({ error: expected }).refine((value) => Number.isInteger(value) && value >= min && value <= max, {
    error: expected,
    params: { isShown: true },
  });
}

export function flag() {
  return z.boolean({ error: 'true or false' });
}

export function oneOf<const T extends string>(words: readonly [T, ...T[]]) {
  return z.enum(words, { error: `one of ${words.join(', ')}` });
}

/** Text that fulfils `isValid`. It is not repeated to the operator: it might be a secret in the wrong place. */
export function freeText(expected: string, isValid: (text: string) => boolean = (value) => value.trim() !== '') {
  return z.string({ error: expected }).refine(isValid, { error: expected });
}

function shownText(expected: string, isValid: (text: string) => boolean) {
  return z.string({ error: expected }).refine(isValid, { error: expected, params: { isShown: true } });
}

export function fileName() {
  return freeText('the name of a file');
}

export function registryHost() {
  return shownText(
    'a registry host in lower case: with a dot or a port, or localhost, as in docker.io or registry.lan:5000',
    isRegistryHost,
  );
}

export function host() {
  return shownText('a host name or address, with or without port', isHostWithPort).transform((value) =>
    value.toLowerCase(),
  );
}

/** Who may pull: a word for some networks, an address or a range. */
export function clientNetwork() {
  return shownText(
    `${networkWords.join(', ')}, an address, or a range as in 10.0.0.0/8`,
    (text) => networkWords.some((word) => word === text) || isAddressRange(text),
  );
}

export function addressRange() {
  return shownText('an address, or a range as in 10.0.0.0/8', isAddressRange);
}

/** A whole tag, or one in which `*` stands for any characters or none. */
export function tagPattern() {
  return shownText('a tag in which * stands for anything, as in v*.*.*, latest or *', (text) =>
    /^[A-Za-z0-9_.*-]{1,128}$/.test(text),
  );
}

/** What may or may not be pulled, as it is written. */
export function pullRule() {
  return shownText(pullRuleExpectation, (text) => findPullRule(text) !== undefined);
}

/** What is never evicted, as it is written. */
export function pinned() {
  return shownText(pinExpectation, (text) => findPin(text) !== undefined);
}

/** `all`, a platform, or a list of these. */
export function platforms() {
  const expected = `all, or a list of platforms, as in linux/amd64 or linux/arm/v7`;
  const one = shownText(platformExpectation, (text) => findPlatform(text) !== undefined);
  return z.union([z.string(), z.array(z.unknown())], { error: expected }).transform((input, context) => {
    if (input === 'all') return 'all' as const;
    const parsed = z
      .array(one)
      .min(1, { error: expected })
      .safeParse(typeof input === 'string' ? [input] : input);
    if (parsed.success) return parsed.data.flatMap((text) => findPlatform(text) ?? []);
    for (const issue of parsed.error.issues) {
      context.issues.push({
        ...issue,
        path: typeof input === 'string' ? [] : issue.path,
        input,
      } as z.core.$ZodRawIssue);
    }
    return z.NEVER;
  });
}

export function destination() {
  return shownText(
    'an address, a range or a host, as in 10.1.2.3, 10.0.0.0/8, auth.lan:8443 or *.cdn.lan',
    isDestination,
  );
}

/**
 * `http(s)://HOST[:PORT]`, with `hasPath` also a path; gives it without a slash at the end. A login in it is
 * refused with `loginHint`, which says where it belongs.
 */
export function baseUrl({
  loginHint = '',
  hasPath = false,
}: {
  readonly loginHint?: string;
  readonly hasPath?: boolean;
}) {
  const expected = 'a URL of the form http://HOST:PORT or https://HOST';
  return z.string({ error: expected }).transform((input, context) =>
    check(context, {}, () => {
      const url = /^https?:\/\/[^\s\\]+$/i.test(input) ? URL.parse(input) : null;
      if (url === null) throw new UnitError(expected);
      if (url.username !== '' || url.password !== '') throw new UnitError(`a URL without a login in it${loginHint}`);
      if (/[?#]/.test(input)) throw new UnitError('a URL without query and fragment');
      if (!hasPath && url.pathname !== '/') throw new UnitError('a URL without a path');
      const path = url.pathname.replace(/\/$/, '');
      if (path.endsWith('/v2')) throw new UnitError('a URL without /v2 at its end, which is added');
      return `${url.origin}${path}`;
    }),
  );
}

export function listOf<T extends z.ZodType>(item: T) {
  return z.array(item, { error: 'a list' });
}

export function keysOf<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? 'a map of keys and values' : undefined),
  });
}

/**
 * Turns a UnitError into an issue. `shown` is repeated to the operator, so it is left out where secrets may
 * stand; `expected` says more than the error does.
 */
function check<T>(
  context: z.RefinementCtx,
  { shown, expected }: { readonly shown?: unknown; readonly expected?: string },
  parse: () => T,
): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof UnitError)) throw error;
    const message = expected ?? error.expected;
    context.issues.push({ code: 'custom', message, input: shown, params: { isShown: shown !== undefined } });
    return z.NEVER;
  }
}
