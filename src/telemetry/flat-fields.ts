import { isSecretKey, maxEntries, redactText, redactedText } from './redact.ts';

/** Keys and texts come with line after line; about a megabyte of them are kept as they are written out. */
const maxKept = 2000;
const maxKeptLength = 256;

/**
 * Writes out fields that are texts, numbers and booleans and nothing else, as pino would write what `redactValue` makes
 * of them: `,"status":200,"outcome":"hit"`. Undefined for all others. A line for each request has such fields, and going the long
 * way takes three times as long.
 */
export function createFlatFields(): (fields: object) => string | undefined {
  const keys = new Map<string, { readonly json: string; readonly isSecret: boolean }>();
  const texts = new Map<string, string>();

  function findKey(key: string): { readonly json: string; readonly isSecret: boolean } {
    return keep(keys, key, () => ({ json: `,${JSON.stringify(key)}:`, isSecret: isSecretKey(key) }));
  }

  function writeText(text: string, isSecret: boolean): string {
    if (isSecret) return `"${redactedText}"`;
    return keep(texts, text, () => JSON.stringify(redactText(text)));
  }

  function write(fields: Readonly<Record<string, unknown>>): string | undefined {
    const names = Object.keys(fields);
    if (names.length > maxEntries) return undefined;
    let json = '';
    for (const key of names) {
      const value = fields[key];
      if (value === undefined) continue;
      const { json: start, isSecret } = findKey(key);
      if (typeof value === 'string') json += start + writeText(value, isSecret);
      else if (typeof value === 'boolean') json += start + String(value);
      else if (typeof value === 'number') json += start + (Number.isFinite(value) ? String(value) : 'null');
      else return undefined;
    }
    return json;
  }

  return (fields) => {
    try {
      return isPlain(fields) ? write(fields) : undefined;
    } catch {
      // What cannot be read is a matter for those who can say so.
      return undefined;
    }
  };
}

function isPlain(fields: object): fields is Readonly<Record<string, unknown>> {
  return Object.getPrototypeOf(fields) === Object.prototype;
}

function keep<Value>(kept: Map<string, Value>, name: string, make: () => Value): Value {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const made = make();
  if (name.length > maxKeptLength) return made;
  if (kept.size >= maxKept) kept.clear();
  kept.set(name, made);
  return made;
}
