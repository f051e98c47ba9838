// What the numbers are, and which alerts come of it, in the words of `promtool test rules`.

interface AlertTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly promql_expr_test: readonly object[];
}

interface Story {
  readonly alert: string;
  /** Series without the labels that Prometheus adds; a sample a minute. */
  readonly series: Readonly<Record<string, string>>;
  /** Labels of the series that the alert is about. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly silentAt: string;
  readonly firingAt: string;
}

const target = { instance: 'mirror:5080', job: 'stowage' };

const requests = (outcome: string, status: string): string =>
  `stowage_requests_total{endpoint="blob",outcome="${outcome}",status="${status}"}`;
const hub = { upstream: 'docker.io' };

const stories: readonly Story[] = [
  { alert: 'StowageDown', series: { up: '1x10 0x10' }, silentAt: '11m', firingAt: '14m' },
  {
    alert: 'StowageUpstreamAway',
    series: { 'stowage_upstream_breaker_open{upstream="docker.io"}': '0x10 1x20' },
    labels: hub,
    silentAt: '13m',
    firingAt: '20m',
  },
  {
    alert: 'StowageCredentialsRejected',
    series: { 'stowage_degraded{part="credentials:docker.io"}': '_x10 1x20' },
    labels: { part: 'credentials:docker.io' },
    silentAt: '9m',
    firingAt: '15m',
  },
  {
    alert: 'StowageConfigurationRefused',
    series: { 'stowage_degraded{part="configuration"}': '_x10 1x20' },
    labels: { part: 'configuration' },
    silentAt: '9m',
    firingAt: '15m',
  },
  {
    alert: 'StowageUpstreamPaused',
    series: { 'stowage_upstream_paused{upstream="docker.io",class="manifests"}': '0x10 1x20' },
    labels: { ...hub, class: 'manifests' },
    silentAt: '13m',
    firingAt: '20m',
  },
  {
    alert: 'StowageRateLimitNearlySpent',
    series: {
      'stowage_upstream_ratelimit_remaining{upstream="docker.io"}': '100-3x40',
      'stowage_upstream_ratelimit_limit{upstream="docker.io"}': '100x40',
    },
    labels: hub,
    silentAt: '32m',
    firingAt: '38m',
  },
  {
    alert: 'StowageStoreDegraded',
    series: { 'stowage_degraded{part="store"}': '_x10 1x20' },
    labels: { part: 'store' },
    silentAt: '13m',
    firingAt: '20m',
  },
  // The first event of all makes the series: there was no zero before it.
  {
    alert: 'StowageStoreErrors',
    series: { 'stowage_store_errors_total{operation="put"}': '_x10 1x20' },
    silentAt: '9m',
    firingAt: '12m',
  },
  {
    alert: 'StowageContentDamaged',
    series: { 'stowage_store_damaged_total{how="changed"}': '1x100 2x10' },
    silentAt: '90m',
    firingAt: '103m',
  },
  {
    alert: 'StowageDigestMismatch',
    series: { 'stowage_digest_mismatches_total{upstream="docker.io"}': '_x10 1x20' },
    labels: hub,
    silentAt: '9m',
    firingAt: '12m',
  },
  {
    alert: 'StowageHitRatioFallen',
    // Ten hours of nine hits in ten, then hours of one in ten.
    series: {
      [requests('hit', '200')]: '0+90x600 54000+10x200',
      [requests('miss', '200')]: '0+10x600 6000+90x200',
    },
    silentAt: '600m',
    firingAt: '790m',
  },
  {
    alert: 'StowageFillsDoNotEnd',
    series: {
      stowage_fills_running: '0x10 1x60',
      'stowage_upstream_received_bytes_total{upstream="docker.io"}': '0+1000000x10 10000000x60',
    },
    silentAt: '35m',
    firingAt: '50m',
  },
  {
    alert: 'StowageServerErrors',
    series: { [requests('hit', '200')]: '0+60x60', [requests('none', '502')]: '0x20 0+10x40' },
    silentAt: '20m',
    firingAt: '45m',
  },
  {
    alert: 'StowageLoopLag',
    series: { stowage_nodejs_eventloop_lag_p99_seconds: '0.02x10 2x20' },
    silentAt: '15m',
    firingAt: '25m',
  },
];

function withTarget(series: string): string {
  const own = Object.entries(target).map(([label, value]) => `${label}="${value}"`);
  const [, name = series, inside] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
  return `${name}{${[...(inside === undefined ? [] : [inside]), ...own].join(',')}}`;
}

function countFiring({ alert, labels = {} }: Story, at: string, value: number): object {
  const wanted = Object.entries({ alertname: alert, alertstate: 'firing', ...labels });
  const inside = wanted.map(([label, text]) => `${label}="${text}"`).join(',');
  return { expr: `count(ALERTS{${inside}}) or vector(0)`, eval_time: at, exp_samples: [{ labels: '{}', value }] };
}

/** One for each story: silent first, later firing. */
export const alertTests: readonly AlertTest[] = stories.map((story) => ({
  name: story.alert,
  interval: '1m',
  input_series: Object.entries(story.series).map(([series, values]) => ({ series: withTarget(series), values })),
  promql_expr_test: [countFiring(story, story.silentAt, 0), countFiring(story, story.firingAt, 1)],
}));
