import { X509Certificate } from 'node:crypto';
import type { Reread, RereadContext } from './reread.ts';

const dayMs = 24 * 60 * 60_000;
/** Of what lives for months; what lives for days is renewed later. */
const nearMs = 14 * dayMs;
const nearShare = 1 / 6;
const lookEveryMs = 60 * 60_000;

interface WatchOptions extends RereadContext {
  /** The key of the configuration, for health and log: `tls.certFile`. */
  readonly key: string;
}

/** Tells, by log and health, when a certificate that is served ends soon or has ended. The owner must `close` it. */
export function watchCertificateEnd(
  served: Pick<Reread<{ readonly cert: Buffer }>, 'current' | 'onChange'>,
  { key, clock, log, health }: WatchOptions,
): { close(): void } {
  let told: string | undefined;

  function look(): void {
    const { validFromDate, validToDate } = new X509Certificate(served.current.cert);
    const leftMs = validToDate.getTime() - clock.wallMs();
    const lifeMs = validToDate.getTime() - validFromDate.getTime();
    const isNear = leftMs <= Math.min(nearMs, lifeMs * nearShare);
    const validTo = validToDate.toISOString();
    const words = leftMs <= 0 ? 'ended' : 'ends';
    const reason = isNear
      ? `${key}: the certificate that is served ${words} at ${validTo}; it has to be renewed`
      : undefined;
    health.report(key, reason);
    // Once for each that ends, and once more when it has.
    if (reason !== undefined && reason !== told) log.warn({ key, validTo }, `the certificate that is served ${words}`);
    told = reason;
  }

  function lookAgain(): void {
    look();
    timer = clock.startTimer(lookEveryMs, lookAgain);
  }

  let timer = clock.startTimer(lookEveryMs, lookAgain);
  served.onChange(look);
  look();
  return { close: () => timer.stop() };
}
