import type { Content } from './content.ts';
import { createFaultScript, isMatch, type FaultScript, type Match } from './fault.ts';
import { startRawServer, type RawServer, type RecordedRequest } from './raw-server.ts';
import { answerBlob, json } from './registry-content.ts';
import { sendAnswer, type PlainAnswer } from './send-answer.ts';

/** Where a registry sends for its blobs: presigned addresses, strict about credentials. The owner must `close` it. */
export interface Cdn
  extends
    Pick<RawServer, 'url' | 'port' | 'requests' | 'connections' | 'until' | 'down' | 'up' | 'close'>,
    Pick<FaultScript, 'always' | 'once' | 'nth' | 'times'> {
  bytesPerSecond: number;
  /** An address for these bytes, good until `expireAll`. Its query holds the word `presigned-secret`. */
  sign(content: Content): string;
  /** Every address signed so far is answered with 403. */
  expireAll(): void;
  /** Forgets requests and script. */
  reset(): void;
  find(match: Match): readonly RecordedRequest[];
  bytesOf(match: Match): number;
}

/** Starts it on a free port of `host`. */
export async function startCdn(options: { host?: string; bytesPerSecond?: number } = {}): Promise<Cdn> {
  const script = createFaultScript();
  const signed = new Map<string, Content>();
  let signatures = 0;
  const answerPlainly = (request: RecordedRequest): PlainAnswer => {
    if (request.headers['authorization'] !== undefined) {
      return json(400, '<Error><Code>InvalidArgument</Code></Error>', 'application/xml');
    }
    const content = signed.get(request.target);
    if (content === undefined) return json(403, '<Error><Code>AccessDenied</Code></Error>', 'application/xml');
    return answerBlob(content, request, true);
  };
  const server = await startRawServer(async (request, connection) => {
    const fault = script.take(request) ?? {};
    const heard = fault.ignoreRange === true ? { ...request, headers: { ...request.headers, range: '' } } : request;
    await sendAnswer(request, connection, answerPlainly(heard), fault, {
      bytesPerSecond: cdn.bytesPerSecond,
      onBytes: () => server.changed(),
    });
  }, options.host);
  const find = (match: Match): readonly RecordedRequest[] =>
    server.requests.filter((request) => isMatch(match, request));
  const cdn: Cdn = {
    bytesPerSecond: options.bytesPerSecond ?? 0,
    always: script.always,
    once: script.once,
    nth: script.nth,
    times: script.times,
    url: server.url,
    port: server.port,
    requests: server.requests,
    get connections() {
      return server.connections;
    },
    until: server.until,
    down: server.down,
    up: server.up,
    close: server.close,
    reset() {
      script.clear();
      server.forgetRequests();
    },
    sign(content) {
      const target = `/store/${content.digest.slice(7, 19)}?X-Amz-Signature=presigned-secret-${(signatures += 1)}`;
      signed.set(target, content);
      return server.url + target;
    },
    expireAll: () => signed.clear(),
    find,
    bytesOf: (match) => find(match).reduce((sum, request) => sum + request.bodyBytes, 0),
  };
  return cdn;
}
