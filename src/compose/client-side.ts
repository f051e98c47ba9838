// Who may connect to the listeners, put together from the parts. Decides nothing.
import { openAccounts } from '../clients/accounts.ts';
import { createBcryptPool } from '../clients/bcrypt-pool.ts';
import { openCertificates } from '../clients/certificates.ts';
import { createGate, type Gate } from '../clients/gate.ts';
import { createLogins, type Logins } from '../clients/logins.ts';
import type { RereadContext } from '../clients/reread.ts';
import { isLoopbackHost } from '../config/admin-rules.ts';
import type { Config, ListenerTlsConfig } from '../config/config.ts';
import type { ListenerTls } from '../http/tls-server.ts';

export interface ClientSide {
  readonly gate: Gate;
  /** Undefined: plain HTTP. */
  readonly tls: ListenerTls | undefined;
  readonly adminTls: ListenerTls | undefined;
  /** What counts at a reload, counts now. */
  reload(config: Config): void;
  close(): Promise<void>;
}

/** So many passwords are checked at once. */
const verifiers = 2;

/** @throws Error when certificates or accounts cannot be used; nothing is left open then */
export async function openClientSide(config: Config, parts: RereadContext): Promise<ClientSide> {
  const ends: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0)) await end();
  };
  let { clients } = config;
  try {
    const tls = await openTls(config.tls, 'tls', parts, ends);
    const adminTls = await openTls(config.admin.tls, 'admin.tls', parts, ends);
    const logins = await openLogins(config, parts, ends);
    return {
      gate: createGate({ clients: () => clients, logins }),
      tls,
      adminTls,
      reload: (next) => void ({ clients } = next),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openTls(
  tls: ListenerTlsConfig | undefined,
  key: 'tls' | 'admin.tls',
  parts: RereadContext,
  ends: (() => void | Promise<void>)[],
): Promise<ListenerTls | undefined> {
  if (tls === undefined) return undefined;
  const files = await openCertificates(tls, key, parts);
  ends.push(() => files.close());
  return {
    clientCerts: tls.clientCerts,
    get context() {
      return files.current;
    },
    onChange: (listener) => files.onChange(listener),
  };
}

async function openLogins(
  config: Config,
  parts: RereadContext,
  ends: (() => void | Promise<void>)[],
): Promise<Logins | undefined> {
  const { file } = config.clients.accounts;
  if (file === undefined) return undefined;
  const accounts = await openAccounts(file, parts);
  ends.push(() => accounts.close());
  const verifier = createBcryptPool(verifiers);
  ends.push(() => verifier.close());
  if (config.tls === undefined && !config.listen.every(({ host }) => isLoopbackHost(host))) {
    parts.log.warn(
      {},
      'clients.accounts without tls: passwords can be read on the way, unless a proxy in front speaks TLS',
    );
  }
  return createLogins({ accounts, verifier, clock: parts.clock });
}
