import { isIPv4 } from 'node:net';

/**
 * Tells requests that a browser was tricked into (DNS rebinding: a foreign name that resolves to us) from honest
 * ones. Let in are loopback, the very address that was dialled (what a probe of an orchestrator uses), and `hosts`.
 * A request without Host comes from no browser.
 */
export function createHostCheck(
  hosts: () => readonly string[],
): (host: string | undefined, localAddress: string | undefined) => boolean {
  return (host, localAddress) => {
    if (host === undefined) return true;
    const whole = host.toLowerCase();
    const name = whole.replace(/:\d+$/, '');
    if (hosts().some((listed) => [whole, name].includes(listed.toLowerCase()))) return true;
    return isLoopback(name) || (localAddress !== undefined && name === formatHost(localAddress));
  };
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

/** As it stands in a Host header; a socket that serves both families shows IPv4 addresses inside IPv6 ones. */
function formatHost(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  return plain.includes(':') ? `[${plain}]` : plain;
}
