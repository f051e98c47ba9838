/** Longer Link headers are not looked at. */
const maxLinkLength = 16 * 1024;

/**
 * The target of the first `rel=next` link (RFC 8288), as written: absolute or relative. Never throws; undefined
 * when there is none or the header makes no sense. Takes time linear in the length.
 */
export function findNextLink(header: string | readonly string[] | undefined): string | undefined {
  const text = typeof header === 'string' ? header : (header ?? []).join(', ');
  if (text.length > maxLinkLength) return undefined;
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('<', at);
    if (open < 0) return undefined;
    const close = text.indexOf('>', open);
    if (close < 0) return undefined;
    const end = findOutsideQuotes(text, ',', close + 1);
    if (isNext(text.slice(close + 1, end))) return text.slice(open + 1, close).trim();
    at = end + 1;
  }
  return undefined;
}

/** The offset of the next `stop` that no quotes hold, or the length. */
function findOutsideQuotes(text: string, stop: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (isQuoted && character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === stop && !isQuoted) return at;
  }
  return text.length;
}

function isNext(parameters: string): boolean {
  for (let at = 0; at < parameters.length;) {
    const end = findOutsideQuotes(parameters, ';', at);
    const parameter = parameters.slice(at, end);
    at = end + 1;
    const equals = parameter.indexOf('=');
    if (equals < 0 || parameter.slice(0, equals).trim().toLowerCase() !== 'rel') continue;
    const value = parameter.slice(equals + 1).trim();
    const relations = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    // The first rel of a link counts (RFC 8288 section 3.3).
    return relations.toLowerCase().split(/\s/).includes('next');
  }
  return false;
}
