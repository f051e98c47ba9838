import type { SecureContextOptions } from 'node:tls';
import type { ListenerTlsConfig } from '../config/config.ts';
import { checkTlsMaterial, listTlsFiles, type TlsMaterial } from '../config/listener-files.ts';
import { openReread, type Reread, type RereadContext } from './reread.ts';

/** The certificate of a listener, as it is in the files. @throws Error when it cannot be served now */
export async function openCertificates(
  tls: ListenerTlsConfig,
  key: 'tls' | 'admin.tls',
  context: RereadContext,
): Promise<Reread<SecureContextOptions>> {
  return await openReread({
    ...context,
    key,
    files: listTlsFiles(tls),
    parse([cert = Buffer.alloc(0), privateKey = Buffer.alloc(0), ca]) {
      const material: TlsMaterial = { cert, key: privateKey, ca };
      checkTlsMaterial(material);
      return { minVersion: 'TLSv1.2', cert, key: privateKey, ...(ca !== undefined && { ca }) };
    },
  });
}
