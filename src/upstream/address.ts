import ipaddr from 'ipaddr.js';

/**
 * Where an address lies. `metadata`: link-local, and the addresses under which clouds hand out credentials.
 * `private`: everything else that is neither public nor this machine.
 */
export type AddressClass = 'public' | 'private' | 'loopback' | 'metadata';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** AWS over IPv6, Alibaba, Azure: metadata services outside the link-local ranges. */
const metadataRanges = ['fd00:ec2::/32', '100.100.100.200/32', '168.63.129.16/32'].map((text) =>
  ipaddr.parseCIDR(text),
);

/** The address in its plainest form: what IPv4 wears on its way through IPv6 is taken off. @throws for no address. */
export function parseAddress(text: string): Address {
  const address = ipaddr.parse(text);
  return address instanceof ipaddr.IPv6 ? unwrap(address) : address;
}

function unwrap(address: ipaddr.IPv6): Address {
  const bytes = address.toByteArray();
  switch (address.range()) {
    case 'ipv4Mapped':
    case 'rfc6145':
      return new ipaddr.IPv4(bytes.slice(12));
    case 'rfc6052':
      // 64:ff9b::/96 ends in the IPv4 address; 64:ff9b:1::/48 (RFC 8215) is local use and stays what it is.
      return bytes[5] === 0 ? new ipaddr.IPv4(bytes.slice(12)) : address;
    case '6to4':
      return new ipaddr.IPv4(bytes.slice(2, 6));
    default:
      // ::a.b.c.d, long deprecated, but still routed by some stacks; :: and ::1 are no such addresses.
      return bytes.slice(0, 12).every((byte) => byte === 0) && bytes.slice(12, 15).some((byte) => byte !== 0)
        ? new ipaddr.IPv4(bytes.slice(12))
        : address;
  }
}

/** An address that cannot be read counts as `metadata`: the class that is never dialled. */
export function classifyAddress(text: string): AddressClass {
  if (!ipaddr.isValid(text)) return 'metadata';
  const address = parseAddress(text);
  if (metadataRanges.some((range) => isInRange(address, range))) return 'metadata';
  switch (address.range()) {
    case 'unicast':
      return 'public';
    case 'linkLocal':
      return 'metadata';
    case 'loopback':
    case 'unspecified':
      return 'loopback';
    default:
      return 'private';
  }
}

export function isInRange(address: Address, range: readonly [Address, number]): boolean {
  return address.kind() === range[0].kind() && address.match(range[0], range[1]);
}
