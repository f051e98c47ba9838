import type { SecureContextOptions } from 'node:tls';
import type { ListenerTlsConfig } from '../config/config.ts';
import { checkTlsMaterial, listTlsFiles, type TlsMaterial } from '../config/listener-files.ts';
import { watchCertificateEnd } from './certificate-end.ts';
import { openReread, type Reread, type RereadContext } from './reread.ts';

/** The certificate of a listener, as it is in the files. @throws Error when it cannot be served now */
export async function openCertificates(
  tls: ListenerTlsConfig,
  key: 'tls' | 'admin.tls',
  context: RereadContext,
): Promise<Reread<SecureContextOptions>> {
  const files = await openReread({
    ...context,
    key,
    files: listTlsFiles(tls),
    parse([cert = Buffer.alloc(0), privateKey = Buffer.alloc(0), ca]) {
      const material: TlsMaterial = { cert, key: privateKey, ca };
      checkTlsMaterial(material);
      return { minVersion: 'TLSv1.2' as const, cert, key: privateKey, ...(ca !== undefined && { ca }) };
    },
  });
  const end = watchCertificateEnd(files, { ...context, key: `${key}.certFile` });
  return {
    get current() {
      return files.current;
    },
    onChange: (listener) => files.onChange(listener),
    close() {
      end.close();
      files.close();
    },
  };
}
