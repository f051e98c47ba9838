import type { CacheUse, Status, Traffic, UpstreamHealth, UpstreamState, UpstreamUrlState } from '../admin/api-types.ts';
import { formatAgo, formatBytes, formatNumberOf, formatPercent, formatSpan } from './text/format.ts';
import type { Paint } from './text/paint.ts';

export interface StatusView {
  /** Where the mirror was asked. */
  readonly url: string;
  readonly nowMs: number;
  readonly paint: Paint;
}

/** About fifteen lines, each matter with its name in front. */
export function formatStatus(status: Status, view: StatusView): string {
  const { paint, nowMs } = view;
  const { configuration } = status;
  const state = status.isReady ? paint('green', 'ready') : paint('yellow', 'not ready');
  const loaded = `${configuration.file ?? 'built-in defaults'}, loaded ${formatAgo(configuration.loadedAt, nowMs)}`;
  const matters: readonly (readonly [name: string, lines: readonly string[]])[] = [
    ['mirror', [`${state}, version ${status.version}, up ${formatSpan(status.uptimeSeconds)}, at ${view.url}`]],
    ['degraded', status.degraded.map((reason) => paint('yellow', reason))],
    ['pull from', [status.publicUrl]],
    ['cache', listCache(status.cache)],
    ['hits', listTraffic(status.traffic, nowMs)],
    [
      'fetching',
      [`${formatNumberOf(status.fills.running, 'fill')}, ${formatNumberOf(status.fills.readers, 'reader')}`],
    ],
    ['upstreams', status.upstreams.flatMap((upstream) => listUpstream(upstream, status.upstreams, view))],
    ['config', [loaded, ...configuration.problems.map((problem) => paint('red', `not taken: ${problem}`))]],
  ];
  return matters
    .flatMap(([name, lines]) => lines.map((line, index) => formatMatter(index === 0 ? name : '', line)))
    .join('');
}

function formatMatter(name: string, line: string): string {
  return `${name.padEnd(11)}${line}\n`;
}

function listCache(cache: CacheUse): readonly string[] {
  const limit =
    cache.maxBytes === null
      ? 'no limit'
      : `of ${formatBytes(cache.maxBytes)}, ${formatPercent(cache.maxBytes === 0 ? 1 : cache.usedBytes / cache.maxBytes)} full`;
  const spare = cache.spareBytes === null ? [] : [`${formatBytes(cache.spareBytes)} to spare on the disk`];
  const contents = [formatNumberOf(cache.objects, 'object'), `${formatBytes(cache.pinnedBytes)} pinned`, ...spare];
  return [`${formatBytes(cache.usedBytes)} ${limit}`, contents.join(', ')];
}

function listTraffic(traffic: Traffic, nowMs: number): readonly string[] {
  const { hitRatio, byteHitRatio } = traffic;
  const requests = formatNumberOf(traffic.requests, 'request');
  const ratio = hitRatio === null ? requests : `${formatPercent(hitRatio)} of ${requests}`;
  const saved = byteHitRatio === null ? '' : `, ${formatPercent(byteHitRatio)}`;
  return [
    `${ratio} since ${formatAgo(traffic.since, nowMs)}`,
    `${formatBytes(traffic.servedBytes)} served, ${formatBytes(traffic.fetchedBytes)} fetched: ${formatBytes(traffic.savedBytes)} saved${saved}`,
  ];
}

const colours = { ok: 'green', 'login-rejected': 'yellow', paused: 'yellow', away: 'red' } as const;

/** A line for each upstream; where it has several URLs, one for each of them too. */
function listUpstream(upstream: UpstreamState, all: readonly UpstreamState[], view: StatusView): readonly string[] {
  const width = Math.max(...all.map(({ name }) => name.length));
  const head = `${upstream.name.padEnd(width)}  ${formatHealth(upstream.health, view)}`;
  const [only, ...others] = upstream.urls;
  if (only === undefined) return [head];
  if (others.length === 0) return [`${head}${formatFacts(only, view)}`];
  return [
    head,
    ...upstream.urls.map((entry) => `  ${entry.url}  ${formatHealth(entry.health, view)}${formatFacts(entry, view)}`),
  ];
}

function formatHealth(health: UpstreamHealth, { paint }: StatusView): string {
  return paint(colours[health], health.replace('-', ' '));
}

function formatFacts({ pauses, rateLimit }: UpstreamUrlState, { nowMs }: StatusView): string {
  const rest = pauses.map((pause) => `${pause.class} rest for ${formatSpan((Date.parse(pause.until) - nowMs) / 1000)}`);
  const limit = rateLimit?.limit ?? undefined;
  const left =
    rateLimit === null
      ? []
      : [`${formatNumberOf(rateLimit.remaining, 'pull')}${limit === undefined ? '' : ` of ${limit}`} left`];
  return [...rest, ...left].map((fact) => `, ${fact}`).join('');
}
