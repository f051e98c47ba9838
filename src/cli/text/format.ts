// Numbers as people read them. Pure.

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `1.2 GB`: three digits at most, decimal units. */
export function formatBytes(bytes: number): string {
  const scaled = units.map((unit, power) => ({ unit, value: Math.abs(bytes) / 1000 ** power }));
  // 999.6 kB would be rounded to 1000 kB.
  const { unit, value } = scaled.find(({ value: candidate }) => candidate < 999.5) ?? {
    unit: 'PB',
    value: bytes / 1e15,
  };
  return `${unit === 'B' || value >= 99.95 ? Math.round(value) : Number(value.toFixed(1))} ${unit}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `12,345` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** `1 object`, `12,345 objects` */
export function formatNumberOf(count: number, word: string): string {
  return `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;
}

/** `97 %`; cut, so that only what is whole is 100 %. */
export function formatPercent(ratio: number): string {
  return `${Math.floor(ratio * 100 + 1e-9)} %`;
}

/** The largest unit that fits: `42 s`, `3 min`, `5 h`, `12 d`. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 48 * 3600) return `${Math.floor(whole / 3600)} h`;
  return `${formatCount(Math.floor(whole / 86_400))} d`;
}

/** `3 min ago`, `just now`, and the day alone where it is long ago. `at` is ISO 8601. */
export function formatAgo(at: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(at)) / 1000;
  if (Number.isNaN(seconds)) return 'at an unknown time';
  if (seconds < 5) return 'just now';
  return seconds < 100 * 86_400 ? `${formatSpan(seconds)} ago` : at.slice(0, 10);
}
