import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describeFileError } from './file-error.ts';
import { HtpasswdError, parseHtpasswd } from './htpasswd.ts';
import { checkTlsMaterial, TlsFileError } from './listener-files.ts';
import type { Finding } from './problem.ts';
import { asText, type Path } from './tree.ts';

type Keys = Readonly<Record<string, unknown>>;

/** Whether certificate, key and authority of a listener can be read and used. */
export function checkListenerFiles(tls: Keys, path: Path, directory: string): readonly Finding[] {
  const findings: Finding[] = [];
  const read = (key: string): Buffer | undefined => {
    const name = asText(tls[key]);
    if (name === undefined) return undefined;
    try {
      return readFileSync(resolve(directory, name));
    } catch (error) {
      findings.push({ path: [...path, key], expected: 'a readable file', found: describeFileError(error) });
      return undefined;
    }
  };
  const [cert, key, ca] = [read('certFile'), read('keyFile'), read('clientCaFile')];
  if (findings.length > 0 || cert === undefined || key === undefined) return findings;
  try {
    checkTlsMaterial({ cert, key, ca });
    return [];
  } catch (error) {
    if (!(error instanceof TlsFileError)) throw error;
    return [{ path: [...path, error.key], expected: error.expected }];
  }
}

/** Whether the accounts can be read. */
export function checkAccountsFile(accounts: Keys, directory: string): readonly Finding[] {
  const name = asText(accounts['file']);
  if (name === undefined) return [];
  const path = ['clients', 'accounts', 'file'];
  try {
    parseHtpasswd(readFileSync(resolve(directory, name), 'utf8'));
    return [];
  } catch (error) {
    if (error instanceof HtpasswdError) {
      return [{ path, expected: 'a file of logins, as htpasswd -B makes it', found: error.message }];
    }
    return [{ path, expected: 'a readable file of logins, as htpasswd -B makes it', found: describeFileError(error) }];
  }
}
