/**
 * What nobody should be made to wait longer than, whatever upstream says: 5 min. One request in five minutes costs
 * upstream nothing, while a day (it has been said), or a date by a clock that is wrong, would take it away from us.
 */
export const maxRetryAfterMs = 300_000;
const minRetryAfterMs = 1_000;
/** Numbers from here on are Unix times, seen from Docker Hub: 1e9 s is 2001, and as a delay 31 years. */
const firstUnixSeconds = 1_000_000_000;
const firstUnixMilliseconds = 1_000_000_000_000;
const number = /^\d{1,15}(?:\.\d{1,9})?$/;

/**
 * How long to wait, in milliseconds from `wallMs`, between 1 s and 5 min: seconds, an HTTP date (RFC 9110
 * section 10.2.3) or a Unix time. Undefined when the header is absent or none of these.
 */
export function findRetryAfterMs(header: string | readonly string[] | undefined, wallMs: number): number | undefined {
  const text = (typeof header === 'string' ? header : header?.[0])?.trim();
  if (text === undefined || text === '' || text.length > 64) return undefined;
  const delayMs = number.test(text) ? readNumber(Number(text), wallMs) : readDate(text, wallMs);
  return delayMs === undefined ? undefined : Math.min(Math.max(Math.round(delayMs), minRetryAfterMs), maxRetryAfterMs);
}

function readNumber(value: number, wallMs: number): number {
  if (value >= firstUnixMilliseconds) return value - wallMs;
  return value >= firstUnixSeconds ? value * 1000 - wallMs : value * 1000;
}

function readDate(text: string, wallMs: number): number | undefined {
  // Date.parse takes almost anything that holds a number; an HTTP date begins with the name of a day.
  if (!/^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time - wallMs;
}
