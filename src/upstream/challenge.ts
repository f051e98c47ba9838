/** One authentication scheme that a 401 offers (RFC 9110 section 11.6.1). */
export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  /** Names in lower case; the first of two wins. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Challenges that are longer are cut: nobody needs them, and reading stays cheap. */
const maxChallengeLength = 8 * 1024;
const whitespace = /[ \t]/;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
/** What a bare value may hold beside token characters: realms and scopes without quotes are seen in the wild. */
const bareValue = /[^\s,"]/;

/**
 * Reads `WWW-Authenticate`, one header or several, each with one scheme or several. Never throws: what makes no
 * sense is skipped. Takes time linear in the length.
 */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const texts = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  const challenges: Challenge[] = [];
  let budget = maxChallengeLength;
  for (const text of texts) {
    if (budget <= 0) break;
    readHeader(text.slice(0, budget), challenges);
    budget -= text.length;
  }
  return challenges;
}

/** True when a challenge says that the token is well but does not reach so far (RFC 6750 section 3.1). */
export function blamesScope(header: string | readonly string[] | undefined): boolean {
  return parseChallenges(header).some(({ parameters }) => parameters.get('error') === 'insufficient_scope');
}

function readHeader(text: string, into: Challenge[]): void {
  const reader = new Reader(text);
  let parameters: Map<string, string> | undefined;
  while (!reader.isAtEnd) {
    reader.skip(separator);
    const word = reader.take(token);
    if (word === '') {
      // Neither separator nor word: garbage, or the rest of a token68.
      reader.skipOne();
      continue;
    }
    const hadSpace = reader.skip(whitespace);
    if (reader.peek() === '=' && parameters !== undefined) {
      reader.skipOne();
      const value = readValue(reader);
      const name = word.toLowerCase();
      if (!parameters.has(name)) parameters.set(name, value);
    } else if (hadSpace || reader.isAtEnd || reader.peek() === ',') {
      parameters = new Map();
      into.push({ scheme: word.toLowerCase(), parameters });
    }
  }
}

const separator = /[ \t,]/;

function readValue(reader: Reader): string {
  reader.skip(whitespace);
  return reader.peek() === '"' ? reader.takeQuoted() : reader.take(bareValue);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(): string {
    return this.#text.charAt(this.#at);
  }

  skipOne(): void {
    this.#at += 1;
  }

  /** True when there was something to skip. */
  skip(kind: RegExp): boolean {
    return this.take(kind) !== '';
  }

  take(kind: RegExp): string {
    const start = this.#at;
    while (!this.isAtEnd && kind.test(this.peek())) this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  /** A quoted string without its quotes and escapes; one that never closes reaches to the end. */
  takeQuoted(): string {
    this.#at += 1;
    let value = '';
    while (!this.isAtEnd) {
      const character = this.peek();
      this.#at += 1;
      if (character === '"') break;
      if (character === '\\' && !this.isAtEnd) {
        value += this.peek();
        this.#at += 1;
      } else {
        value += character;
      }
    }
    return value;
  }
}
