import type { Meter } from '../telemetry/metrics.ts';
import { pressureClasses } from './pauses.ts';
import type { UpstreamStatus, UrlStatus } from './upstream-status.ts';

/** What presses on the upstreams, as series; the only labels are their names and the classes of requests. */
export function registerGauges(meter: Meter, status: () => readonly UpstreamStatus[]): void {
  const perUpstream = (name: string, help: string, measure: (urls: readonly UrlStatus[]) => number | undefined) => {
    const read = () =>
      status().flatMap(({ name: upstream, urls }) => {
        const value = measure(urls);
        return value === undefined ? [] : [{ labels: { upstream }, value }];
      });
    meter.labelledGauge({ name, help, labels: ['upstream'], read });
  };
  perUpstream(
    'upstream_breaker_open',
    'Hosts of the upstream that are only probed, since they do not answer',
    (urls) => urls.flatMap(({ breakers }) => breakers.filter(({ state }) => state === 'open')).length,
  );
  meter.labelledGauge({
    name: 'upstream_paused',
    help: 'Whether requests of this class pause at any URL of the upstream, after 429 or 503 with Retry-After',
    labels: ['upstream', 'class'],
    read: () =>
      status().flatMap(({ name: upstream, urls }) =>
        pressureClasses.map((name) => ({
          labels: { upstream, class: name },
          value: urls.some(({ pauses }) => pauses.some((pause) => pause.class === name)) ? 1 : 0,
        })),
      ),
  });
  perUpstream(
    'upstream_ratelimit_remaining',
    'Requests that the upstream says it still allows; the least of its URLs',
    (urls) => findLeast(urls.map(({ spendable }) => spendable?.remaining)),
  );
  perUpstream(
    'upstream_ratelimit_limit',
    'Requests that the upstream says it allows in a window; the least of its URLs',
    (urls) => findLeast(urls.map(({ spendable }) => spendable?.limit)),
  );
}

function findLeast(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
