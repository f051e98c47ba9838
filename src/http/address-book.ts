// Which upstream a name means: the closed list of upstreams, made ready for look-up. Pure.

/** One upstream as clients may call it; names and aliases look like registry hosts. */
export interface UpstreamAddress {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Values of `Host`, with or without port, that mean this upstream. */
  readonly virtualHosts: readonly string[];
  readonly isDefault: boolean;
  /** `passthrough`: what its callers may see is asked there with their own logins. */
  readonly access?: 'shared' | 'passthrough';
}

/** The closed list; the parts of the configuration fit it as they are. */
export interface AddressBook {
  readonly upstreams: readonly UpstreamAddress[];
}

/** Look-ups give the upstream's configured name. Case does not matter; nothing but what is listed is ever found. */
export interface AddressIndex {
  findByName(text: string): string | undefined;
  findByHost(host: string): string | undefined;
  readonly defaultUpstream: string;
  /** Whether clients' logins are let through to this upstream. */
  isPassthrough(upstream: string): boolean;
}

/** @throws TypeError for an empty list, which the configuration does not let through. */
export function createAddressIndex(book: AddressBook): AddressIndex {
  const byName = new Map<string, string>();
  const byHost = new Map<string, string>();
  for (const upstream of book.upstreams) {
    for (const name of [upstream.name, ...upstream.aliases]) byName.set(name.toLowerCase(), upstream.name);
    for (const host of upstream.virtualHosts) byHost.set(host.toLowerCase(), upstream.name);
  }
  const chosen =
    book.upstreams.find((upstream) => upstream.isDefault) ??
    book.upstreams.find((upstream) => upstream.name === 'docker.io') ??
    book.upstreams[0];
  if (chosen === undefined) throw new TypeError('a mirror needs at least one upstream');
  const passthrough = new Set(book.upstreams.filter(({ access }) => access === 'passthrough').map(({ name }) => name));
  return {
    findByName: (text) => (isPlain(text) ? byName.get(text.toLowerCase()) : undefined),
    findByHost(host) {
      if (!isPlain(host)) return undefined;
      const key = host.toLowerCase();
      return byHost.get(key) ?? byHost.get(key.replace(/:\d+$/, ''));
    },
    defaultUpstream: chosen.name,
    isPassthrough: (upstream) => passthrough.has(upstream),
  };
}

/** The index of a list that may become another one; made anew only then. */
export function followAddressBook(read: () => AddressBook): () => AddressIndex {
  let book = read();
  let index = createAddressIndex(book);
  return () => {
    const latest = read();
    if (latest !== book) {
      index = createAddressIndex(latest);
      book = latest;
    }
    return index;
  };
}

/** Some letters outside ASCII become ASCII in lower case (the Kelvin sign a k), and no host name holds them. */
function isPlain(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
