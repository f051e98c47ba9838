import { clientCertificates } from './config.ts';
import type { Finding } from './problem.ts';
import type { Path } from './tree.ts';

type Keys = Readonly<Record<string, unknown>>;

/** What a listener says of TLS fits together. */
export function checkListenerTls(tls: Keys, path: Path): readonly Finding[] {
  const has = (key: string): boolean => tls[key] !== undefined;
  const expectBeside = (key: string, missing: string): readonly Finding[] =>
    has(key) && !has(missing) ? [{ path: [...path, key], expected: `${missing} beside it` }] : [];
  const isAsking = clientCertificates.some((word) => word !== 'none' && word === tls['clientCerts']);
  const findings = [...expectBeside('certFile', 'keyFile'), ...expectBeside('keyFile', 'certFile')];
  if (isAsking && !has('clientCaFile')) {
    findings.push({ path: [...path, 'clientCerts'], expected: 'clientCaFile beside it, which says whose are taken' });
  }
  if (!isAsking && has('clientCaFile')) {
    findings.push({ path: [...path, 'clientCaFile'], expected: 'clientCerts: optional or required beside it' });
  }
  if (isAsking && !has('certFile') && !has('keyFile')) {
    findings.push({ path: [...path, 'clientCerts'], expected: 'certFile and keyFile beside it' });
  }
  return findings;
}

/** One Authorization header cannot be a login here and a login upstream. */
export function checkClients(clients: Keys, upstreams: readonly Keys[]): readonly Finding[] {
  const { accounts } = clients;
  const isNamed = typeof accounts === 'object' && accounts !== null && 'file' in accounts && accounts.file !== null;
  if (!isNamed) return [];
  return upstreams.flatMap((upstream, index) => {
    if (upstream['access'] !== 'passthrough') return [];
    const expected = 'another access, or no clients.accounts: a client sends one login, here or upstream';
    return [{ path: ['upstreams', index, 'access'], expected, found: 'passthrough' }];
  });
}
