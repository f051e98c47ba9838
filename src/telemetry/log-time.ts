/** The `time` of a log line, as pino wants it. Many lines share a millisecond, and writing one out is not cheap. */
export function createLogTime(now: () => number = Date.now): () => string {
  let lastMs = Number.NaN;
  let text = '';
  return () => {
    const nowMs = now();
    if (nowMs !== lastMs) text = `,"time":"${new Date(nowMs).toISOString()}"`;
    lastMs = nowMs;
    return text;
  };
}
