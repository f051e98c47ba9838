/**
 * What belongs to one party, and is counted as one: an IPv4 address; of IPv6 the first 64 bits, since a party has all that follow.
 * Takes addresses as the system writes them; anything else is a party of its own. Asked for each request, so text is all it looks at.
 */
export function findParty(address: string): string {
  const plain = withoutMapping(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('%', 1)[0]?.split('::') ?? [];
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0');
  return `${[...first, ...zeros, ...last].slice(0, 4).join(':')}::/64`;
}

/** `::ffff:10.0.0.1`, as sockets of both families tell of it, is `10.0.0.1`. */
export function withoutMapping(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
