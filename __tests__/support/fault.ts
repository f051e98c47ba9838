import type { Gate } from './gate.ts';
import type { RecordedRequest } from './raw-server.ts';

/**
 * What is done to one answer: the verbs of the fault matrix. Offsets `after` count bytes of the body as it is
 * sent in this answer; `flip` is an offset in the whole object.
 */
export interface Fault {
  readonly status?: number;
  /** Added to the answer's headers; undefined removes one. Names in lower case. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent in place of the object. */
  readonly body?: string | Uint8Array;
  /** One bit of the byte at this offset is wrong. */
  readonly flip?: number;
  /** The connection ends here. */
  readonly cut?: { readonly after: number; readonly by: 'FIN' | 'RST' };
  /** No Content-Length: the end of the connection is the end of the body. */
  readonly noLength?: boolean;
  /** Chunked transfer in place of Content-Length. */
  readonly chunked?: boolean;
  /** Nothing more after so many bytes; the connection stays open. */
  readonly stall?: { readonly after: number };
  /** Bytes per second of this body. */
  readonly drip?: number;
  /** More bytes than Content-Length announces. */
  readonly extra?: number;
  /** The body never ends (without Content-Length). */
  readonly endless?: boolean;
  readonly encode?: 'gzip';
  /** 307 to this address. */
  readonly redirect?: string;
  /** 401 with this WWW-Authenticate. */
  readonly challenge?: string;
  /** A Range is answered with the whole, 200. */
  readonly ignoreRange?: boolean;
  /** The connection ends before any answer. */
  readonly refuse?: 'FIN' | 'RST';
  /** No answer comes, and the connection stays. */
  readonly isSilent?: boolean;
  /** The answer begins so much later. */
  readonly delayMs?: number;
  /** These bytes are sent as they are, in place of any answer; then the connection is closed. */
  readonly raw?: string;
  /** Waits here before the answer begins. */
  readonly hold?: Gate;
  /** Waits here when so many bytes of the body are out. */
  readonly holdBody?: { readonly after: number; readonly gate: Gate };
}

/** Which requests a fault is for. What is left out matches anything. */
export interface Match {
  readonly method?: string;
  /** A part of the request target, or a pattern for it. */
  readonly path?: string | RegExp;
  readonly hasRange?: boolean;
  /** Whether it comes with credentials of any kind. */
  readonly hasAuthorization?: boolean;
  readonly when?: (request: RecordedRequest) => boolean;
}

export function isMatch(match: Match, request: RecordedRequest): boolean {
  if (match.method !== undefined && match.method !== request.method) return false;
  if (typeof match.path === 'string' && !request.target.includes(match.path)) return false;
  if (match.path instanceof RegExp && !match.path.test(request.target)) return false;
  if (match.hasRange !== undefined && match.hasRange !== (request.headers['range'] !== undefined)) return false;
  const { hasAuthorization } = match;
  if (hasAuthorization !== undefined && hasAuthorization !== (request.headers['authorization'] !== undefined))
    return false;
  return match.when?.(request) ?? true;
}

/** Faults with the requests they wait for. The rule that was added last is asked first. */
export interface FaultScript {
  readonly always: (match: Match, fault: Fault) => ScriptedRule;
  /** For the next matching request only. */
  readonly once: (match: Match, fault: Fault) => ScriptedRule;
  /** For the n-th matching request from now on, counted from 1. */
  readonly nth: (n: number, match: Match, fault: Fault) => ScriptedRule;
  /** For the next n matching requests. */
  readonly times: (n: number, match: Match, fault: Fault) => ScriptedRule;
  /** The fault for this request, which it uses up. */
  readonly take: (request: RecordedRequest) => Fault | undefined;
  readonly clear: () => void;
}

export interface ScriptedRule {
  /** How many requests got the fault. */
  readonly used: number;
  remove(): void;
}

interface Rule {
  readonly match: Match;
  readonly fault: Fault;
  readonly first: number;
  readonly last: number;
  seen: number;
  used: number;
}

export function createFaultScript(): FaultScript {
  let rules: Rule[] = [];
  const add = (match: Match, fault: Fault, first: number, last: number): ScriptedRule => {
    const rule: Rule = { match, fault, first, last, seen: 0, used: 0 };
    rules.unshift(rule);
    return {
      get used() {
        return rule.used;
      },
      remove: () => void (rules = rules.filter((other) => other !== rule)),
    };
  };
  return {
    always: (match, fault) => add(match, fault, 1, Infinity),
    once: (match, fault) => add(match, fault, 1, 1),
    nth: (n, match, fault) => add(match, fault, n, n),
    times: (n, match, fault) => add(match, fault, 1, n),
    take: (request) => takeFrom(rules, request),
    clear: () => void (rules = []),
  };
}

function takeFrom(rules: readonly Rule[], request: RecordedRequest): Fault | undefined {
  for (const rule of rules) {
    if (!isMatch(rule.match, request)) continue;
    rule.seen += 1;
    if (rule.seen < rule.first || rule.seen > rule.last) continue;
    rule.used += 1;
    return rule.fault;
  }
  return undefined;
}
