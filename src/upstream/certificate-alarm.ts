import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';

/** Says that a certificate is not valid, when that is why a request failed: nothing but an operator can mend it. */
export type CertificateAlarm = (error: unknown, host: string) => void;

const repeatMs = 60_000;
/** Redirects may lead to hosts without end. */
const maxHosts = 64;
const codes =
  /^(?:CERT_|CRL_|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_TLS_CERT_)/;

/** Loud, but at most once a minute for each host. */
export function createCertificateAlarm(upstream: string, { clock, log }: { clock: Clock; log: Log }): CertificateAlarm {
  const saidMs = new Map<string, number>();
  return (error, host) => {
    const code = findCode(error);
    const nowMs = clock.monotonicMs();
    if (code === undefined || nowMs - (saidMs.get(host) ?? -Infinity) < repeatMs) return;
    if (saidMs.size >= maxHosts) saidMs.clear();
    saidMs.set(host, nowMs);
    log.error({ upstream, host, code }, 'the certificate of this host is not valid; nothing is fetched from it');
  };
}

/** A proxy's client wraps what the tunnel failed with. */
function findCode(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === 'string' && codes.test(code)) return code;
  return cause === undefined ? undefined : findCode(cause);
}
