// Who the clients are, and who of them is let in: networks, accounts, certificates.
// May not know what they ask for, nor what is answered.
import ipaddr from 'ipaddr.js';

/** A set of addresses. */
export interface Networks {
  /** False for what is no address. IPv4 addresses inside IPv6 ones (`::ffff:10.0.0.1`) count as IPv4. */
  includes(address: string | undefined): boolean;
  /** True where every address is in it, and whoever has none too. */
  readonly isEverything: boolean;
}

/** Private in the sense of not being routed on the internet: RFC 1918, RFC 6598, RFC 4193, link-local. */
const words: Readonly<Record<string, readonly string[]>> = {
  everybody: ['0.0.0.0/0', '::/0'],
  loopback: ['127.0.0.0/8', '::1/128'],
  private: [
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '100.64.0.0/10',
    '169.254.0.0/16',
    'fc00::/7',
    'fe80::/10',
  ],
};

/** From words (`everybody`, `loopback`, `private`), addresses and ranges. @throws Error for anything else */
export function createNetworks(texts: readonly string[]): Networks {
  const ranges = texts.flatMap((text) => words[text] ?? [text]).map(parseRange);
  const isEverything = texts.includes('everybody');
  return {
    isEverything,
    includes(text) {
      if (isEverything) return true;
      const address = text === undefined ? undefined : findAddress(text);
      if (address === undefined) return false;
      return ranges.some(([first, bits]) => first.kind() === address.kind() && address.match(first, bits));
    },
  };
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

function parseRange(text: string): readonly [Address, number] {
  const [first, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : wholeAddress(ipaddr.parse(text));
  if (first instanceof ipaddr.IPv6 && first.isIPv4MappedAddress() && bits >= 96) {
    return [first.toIPv4Address(), bits - 96];
  }
  return [first, bits];
}

function wholeAddress(address: Address): readonly [Address, number] {
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** Only the usual spelling of IPv4: `010.0.0.1` and `167772161` mean different things to different programs. */
function findAddress(text: string): Address | undefined {
  if (!text.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

/** One spelling for each address, without a zone; undefined for what is no address. */
export function findPlainAddress(text: string): string | undefined {
  return findAddress(text.replace(/%.*$/, ''))?.toString();
}
