import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { ListenerTlsConfig } from './config.ts';

/** What the files of a listener hold, checked: the certificate with its chain, its key, whose client certificates are taken. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

/** A file that does not hold what it should, by the key that names it. */
export class TlsFileError extends Error {
  readonly key: 'certFile' | 'keyFile' | 'clientCaFile';
  readonly expected: string;

  constructor(key: TlsFileError['key'], expected: string) {
    super(`${key}: expected ${expected}`);
    this.key = key;
    this.expected = expected;
  }
}

/** Whether they can be served as they are. @throws TlsFileError */
export function checkTlsMaterial({ cert, key, ca }: TlsMaterial): void {
  const certificate = tryTo(() => new X509Certificate(cert));
  if (certificate === undefined) throw new TlsFileError('certFile', 'a certificate in PEM form');
  const privateKey = tryTo(() => createPrivateKey(key));
  if (privateKey === undefined) throw new TlsFileError('keyFile', 'a private key in PEM form, without a passphrase');
  if (!certificate.checkPrivateKey(privateKey)) throw new TlsFileError('keyFile', 'the key of the certificate');
  if (ca !== undefined && tryTo(() => new X509Certificate(ca)) === undefined) {
    throw new TlsFileError('clientCaFile', 'certificates in PEM form');
  }
  if (tryTo(() => createSecureContext({ cert, key, ...(ca !== undefined && { ca }) })) === undefined) {
    throw new TlsFileError('certFile', 'a certificate that can be served, followed by those that signed it');
  }
}

/** The names of the files, by key. */
export function listTlsFiles(tls: ListenerTlsConfig): readonly string[] {
  return [tls.certFile, tls.keyFile, ...(tls.clientCaFile === undefined ? [] : [tls.clientCaFile])];
}

function tryTo<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
