// How numbers, sizes and times are written. Pure: the time of day comes in as `nowMs`.

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const counts = new Intl.NumberFormat('en');

/** `0 B`, `512 B`, `1.2 GB`, `34 MB`: three digits at most, powers of 1000. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `1,234` */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** `1 object`, `1,234 objects` */
export function formatCounted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `87 %`, `99.9 %`; rounded down, so that only all is `100 %`. */
export function formatPercent(ratio: number): string {
  const percent = Math.min(1, Math.max(0, ratio)) * 100;
  const shown = percent > 99 && percent < 100 ? Math.floor(percent * 10) / 10 : Math.floor(percent);
  return `${shown} %`;
}

const steps = [
  { seconds: 86_400, name: 'd' },
  { seconds: 3600, name: 'h' },
  { seconds: 60, name: 'min' },
  { seconds: 1, name: 's' },
] as const;

/** `20 ms`, `45 s`, `12 min`, `3 h 20 min`, `9 d 4 h`: two units at most. */
export function formatDuration(seconds: number): string {
  if (seconds > 0 && seconds < 0.95) return `${Math.ceil(seconds * 1000)} ms`;
  const whole = Math.max(0, Math.round(seconds));
  const at = steps.findIndex((step) => whole >= step.seconds);
  const first = steps[at];
  if (first === undefined) return '0 s';
  const second = steps[at + 1];
  const head = `${Math.floor(whole / first.seconds)} ${first.name}`;
  const rest = second === undefined ? 0 : Math.floor((whole % first.seconds) / second.seconds);
  // Seconds beside minutes say nothing that anyone needs.
  return second === undefined || second.seconds === 1 || rest === 0 ? head : `${head} ${rest} ${second.name}`;
}

/** `just now`, `3 min ago`, `2 d ago`; of a time to come, `in 4 min`. Not a time: the text itself. */
export function formatAge(at: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(at)) / 1000;
  if (Number.isNaN(seconds)) return at;
  if (Math.abs(seconds) < 5) return 'just now';
  const [head = ''] = /^\d+ \w+/.exec(formatDuration(Math.abs(seconds))) ?? [];
  return seconds > 0 ? `${head} ago` : `in ${head}`;
}

/** In the reader's time zone and manner, with the date. */
export function formatTime(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : date.toLocaleString();
}

/** `sha256:0123456789ab` */
export function shortenDigest(digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':', 2);
  return hex.length > 12 ? `${algorithm}:${hex.slice(0, 12)}` : digest;
}

/** What a media type is to people. */
export function formatMediaType(mediaType: string): string {
  if (/manifest\.list|image\.index/.test(mediaType)) return 'index';
  if (/image\.manifest|distribution\.manifest/.test(mediaType)) return 'image';
  if (/config/.test(mediaType) || /container\.image\.v1\+json/.test(mediaType)) return 'config';
  if (/layer|rootfs/.test(mediaType)) return 'layer';
  return mediaType;
}
