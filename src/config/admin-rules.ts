import { readFileSync } from 'node:fs';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { describeFileError } from './file-error.ts';
import type { Finding } from './problem.ts';
import { defaultListen } from './schema.ts';
import { asList, asMap, asText } from './tree.ts';
import { parseListenAddress, UnitError } from './units.ts';

/** What can be guessed is no token. */
const minTokenLength = 16;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True where only this machine can connect: `localhost`, 127.0.0.0/8 and ::1, however they are written. */
export function isLoopbackHost(host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

/** Who can reach the admin listener needs a token, unless they are on this machine already. */
export function checkAdmin(tree: Readonly<Record<string, unknown>>): readonly Finding[] {
  const admin = asMap(tree['admin']);
  if (asText(admin['tokenFile']) !== undefined) return [];
  const listen = admin['listen'] ?? defaultListen.admin;
  const open = (Array.isArray(listen) ? asList(listen) : [listen]).map(asText).filter(isReachedFromOutside);
  const findings: Finding[] = open.slice(0, 1).map((found) => ({
    path: ['admin', 'listen'],
    expected: 'admin.tokenFile beside an address that other machines can reach, or a loopback address',
    found,
  }));
  if (admin['createToken'] === true) {
    findings.push({ path: ['admin', 'createToken'], expected: 'admin.tokenFile beside it, which says where' });
  }
  return findings;
}

function isReachedFromOutside(text: string | undefined): boolean {
  try {
    return text !== undefined && !isLoopbackHost(parseListenAddress(text).host);
  } catch (error) {
    if (error instanceof UnitError) return false;
    throw error;
  }
}

/** Whether the token can be read, unless it is to be made. */
export function checkTokenFile(admin: Readonly<Record<string, unknown>>, directory: string): readonly Finding[] {
  const file = asText(admin['tokenFile']);
  if (file === undefined) return [];
  const path = ['admin', 'tokenFile'];
  const expected = `a readable file with a token of at least ${minTokenLength} characters`;
  try {
    const { length } = readFileSync(resolve(directory, file), 'utf8').trim();
    return length >= minTokenLength ? [] : [{ path, expected, found: length === 0 ? 'an empty one' : 'a shorter one' }];
  } catch (error) {
    const isMade = admin['createToken'] === true && (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMade ? [] : [{ path, expected, found: describeFileError(error) }];
  }
}
