// Secrets out of whatever is about to be written. Never throws, whatever it is given.

/** Stands where a secret stood. */
export const redactedText = '[redacted]';
const secretKey = /authorization|cookie|token|passw(?:or)?d|passphrase|secret|credential|api-?key|private-?key/i;
/** What nests deeper, or is longer, is left out: a log line is no place for it, and cycles end here. */
const maxDepth = 6;
export const maxEntries = 100;
const maxTextLength = 8 * 1024;

/** What was found harmless lately: the same keys, names and user agents come with every line, and looking is not cheap. */
class Harmless {
  readonly #found = new Set<string>();

  has(text: string, look: () => boolean): boolean {
    if (this.#found.has(text)) return true;
    if (!look()) return false;
    if (text.length > 256) return true;
    if (this.#found.size >= 1000) this.#found.clear();
    this.#found.add(text);
    return true;
  }
}

const harmlessKeys = new Harmless();
const harmlessTexts = new Harmless();

/** A plain copy for the log: secret keys masked, texts by `redactText`, errors down to name, message, stack, code and cause. */
export function redactValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[deeper]';
  try {
    return redactObject(value, depth);
  } catch {
    // A getter that throws, a revoked proxy: the rest of the line is worth having.
    return '[unreadable]';
  }
}

function redactObject(value: object, depth: number): unknown {
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return redactList(value, depth);
  if (value instanceof Set) return redactList([...value], depth);
  const entries =
    value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value);
  return redactEntries(entries, depth);
}

/**
 * Lists may be raw headers (`name, value, name, value`, as Node and undici keep them), so that an element which
 * names a secret hides the one after it.
 */
function redactList(list: readonly unknown[], depth: number): unknown[] {
  return list.slice(0, maxEntries).map((item, index) => {
    const before = list[index - 1];
    const isValueOfSecret = typeof before === 'string' && before.length < 64 && isSecretKey(before);
    return isValueOfSecret ? redactedText : redactValue(item, depth + 1);
  });
}

function redactEntries(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, item] of entries.slice(0, maxEntries)) {
    // Counts of tokens are no secret, tokens are.
    const isCount = typeof item === 'number' || typeof item === 'boolean' || item === undefined || item === null;
    copy[key] = isSecretKey(key) && !isCount ? redactedText : redactValue(item, depth + 1);
  }
  return copy;
}

/** Whether what has this name is a secret, unless it is a number or a truth value. */
export function isSecretKey(key: string): boolean {
  return !harmlessKeys.has(key, () => !secretKey.test(key));
}

/** Only what is known to be harmless: errors of HTTP clients carry the request with its headers. */
function describeError(error: Error, depth: number): Record<string, unknown> {
  const facts: Record<string, unknown> = { type: error.name, message: redactText(error.message) };
  for (const key of ['kind', 'code', 'errno', 'syscall'] as const) {
    const fact: unknown = Reflect.get(error, key);
    if (typeof fact === 'string' || typeof fact === 'number') facts[key] = redactValue(fact, depth + 1);
  }
  if (error.cause !== undefined) facts['cause'] = redactValue(error.cause, depth + 1);
  if (error instanceof AggregateError) facts['errors'] = redactList(error.errors, depth + 1);
  if (typeof error.stack === 'string') facts['stack'] = redactText(error.stack);
  return facts;
}

// Each pattern scans any text in linear time: what may repeat never contains what starts it.
const rules: readonly (readonly [RegExp, string | ((text: string) => string)])[] = [
  // Logins in URLs, up to the last @ before the path.
  [/(:\/\/)[^\s/?#"'<>\\]*@/g, `$1${redactedText}@`],
  // Query strings of URLs, whole or relative: signatures of storage services, tokens.
  [/\?[^\s?="'<>\\]*=[^\s"'<>\\]*/g, `?${redactedText}`],
  [/\b(bearer|basic)[ \t]+[\w.~+/=-]{6,}/gi, `$1 ${redactedText}`],
  [/\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?[ \t]*:[ \t]*)[^\r\n]+/gi, `$1$2${redactedText}`],
  // `"token":"…"` and `password=…`, as in bodies and command lines.
  [/(token|passw(?:or)?d|secret|api_?key)("[ \t]*:[ \t]*"|=)[^\s"&,;]+/gi, `$1$2${redactedText}`],
  [/(?<![\w.-])[\w.-]{13,}/g, hideWebToken],
];

/** A JSON web token without a word that announces it, in what could be one: a search within it would go back too often. */
function hideWebToken(text: string): string {
  const start = text.search(/\beyJ[\w-]{8}/);
  return start >= 0 && /\.[\w-]/.test(text.slice(start)) ? `${text.slice(0, start)}${redactedText}` : text;
}

/** Some part of every rule: most texts hold none of these, and one look is cheaper than six. */
const suspicious = /[?@=]|"[ \t]*:|eyJ|bearer|basic|authorization|cookie/i;

/** Text without logins, tokens and query strings of URLs. Long text is cut. */
export function redactText(text: string): string {
  const short = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
  if (harmlessTexts.has(short, () => !suspicious.test(short))) return short;
  return rules.reduce(
    (result, [pattern, replacement]) =>
      typeof replacement === 'string' ? result.replace(pattern, replacement) : result.replace(pattern, replacement),
    short,
  );
}
