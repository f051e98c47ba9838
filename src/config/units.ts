// Text of the configuration file → numbers and addresses, and back. Pure.
import { isIPv4, isIPv6 } from 'node:net';

/** Where a listener is bound. `host` is an address or a name, IPv6 without brackets; port 0 lets the system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** A value that does not fit; `expected` says what would. */
export class UnitError extends Error {
  readonly expected: string;

  constructor(expected: string) {
    super(`expected ${expected}`);
    this.name = 'UnitError';
    this.expected = expected;
  }
}

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export const durationExpectation = 'a duration: a whole number with ms, s, m, h or d, as in 500ms, 10s, 5m, 2h or 30d';
export const sizeExpectation =
  'a size: a whole number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 10MB or 50GiB, or 0';
export const listenExpectation = 'an address with a port, as in 127.0.0.1:5000 or "[::]:5000"';

/** Milliseconds. A bare 0 needs no unit; any other bare number is refused. @throws UnitError */
export function parseDuration(text: string): number {
  return parseQuantity(text, durationUnits, durationExpectation);
}

/** Bytes. A bare 0 needs no unit; any other bare number is refused. @throws UnitError */
export function parseSize(text: string): number {
  return parseQuantity(text, sizeUnits, sizeExpectation);
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>, expected: string): number {
  if (text === '0') return 0;
  const [, digits, unit = ''] = /^(\d{1,15})([A-Za-z]{1,3})$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (digits === undefined || factor === undefined) throw new UnitError(expected);
  const value = Number(digits) * factor;
  if (!Number.isSafeInteger(value)) throw new UnitError(`${expected}, and not that large`);
  return value;
}

/** `parseDuration` in the other direction, in the largest unit that is exact. */
export function formatDuration(durationMs: number): string {
  return formatQuantity(durationMs, durationUnits, '0s');
}

/** `parseSize` in the other direction, in the unit that is exact with the fewest digits. */
export function formatSize(sizeBytes: number): string {
  return formatQuantity(sizeBytes, sizeUnits, '0');
}

function formatQuantity(value: number, units: Readonly<Record<string, number>>, zero: string): string {
  if (value === 0) return zero;
  const largestFirst = Object.entries(units).toSorted(([, a], [, b]) => b - a);
  const [unit, factor] = largestFirst.find(([, candidate]) => value % candidate === 0) ?? ['', 1];
  return `${value / factor}${unit}`;
}

/** `HOST:PORT`; IPv6 in brackets. @throws UnitError */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, bare, digits] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isHost = bracketed === undefined ? bare !== undefined && isHostName(bare) : isIPv6(bracketed);
  if (digits === undefined || !isHost || port > 65_535) throw new UnitError(listenExpectation);
  return { host: bracketed ?? bare ?? '', port };
}

/** `parseListenAddress` in the other direction. */
export function formatListenAddress(address: ListenAddress): string {
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

/** True for an IPv4 address or a DNS name (RFC 1123), without port. What looks like numbers must be an address. */
function isHostName(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isIPv4(text);
  return text.length <= 253 && text.split('.').every((label) => /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/i.test(label));
}

/** True for a host with or without port; IPv6 in brackets. */
export function isHostWithPort(text: string): boolean {
  const [, bracketed, bare = '', digits] = /^(?:\[([^\]]*)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isPort = digits === undefined || (Number(digits) > 0 && Number(digits) <= 65_535);
  return isPort && (bracketed === undefined ? isHostName(bare) : isIPv6(bracketed));
}

/** True for what clients write before the first slash of an image name: a host with a dot or a port, or `localhost`. */
export function isRegistryHost(text: string): boolean {
  return text === text.toLowerCase() && isHostWithPort(text) && (text === 'localhost' || /[.:]/.test(text));
}

/** True for an IP address, with or without a prefix length. */
export function isAddressRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const width = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : undefined;
  return width !== undefined && (bits === undefined || Number(bits) <= width);
}

/** True for where an answer may lead: an address, a range, a host with or without port, all hosts below a name. */
export function isDestination(text: string): boolean {
  return isAddressRange(text) || isHostWithPort(text.replace(/^\*\./, ''));
}
