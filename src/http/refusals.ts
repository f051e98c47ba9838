// Requests that are refused by what the operator wrote, and those that no client of ours sends.
import type { IncomingMessage } from 'node:http';
import { isMirrorError, MirrorError, type MirrorErrorKind } from '../oci/errors.ts';
import { isRecord } from '../oci/json.ts';
import type { Audit, RefusalReason } from '../telemetry/audit.ts';
import type { ClientLimits, RequestRates } from './client-limits.ts';
import { describeRoute, type Reported } from './request-log.ts';

/** A name of 255 characters, a tag, a registry and a page need some 800. */
const maxTargetLength = 16_384;
/** Clients send about ten. */
const maxHeaders = 100;

const reasons: { readonly [Kind in MirrorErrorKind]?: RefusalReason } = {
  'rule-denied': 'rule',
  'client-throttled': 'limit',
  'login-throttled': 'login',
  'client-denied': 'network',
};

/** Why a request is not even looked at; undefined when it is. Counts it for its client. */
export function findRefusal(
  request: IncomingMessage,
  { rates, limits, client }: { readonly rates: RequestRates; readonly limits: ClientLimits; readonly client: string },
): MirrorError | undefined {
  const waitMs = rates.admit(client, limits);
  if (waitMs !== undefined) {
    return new MirrorError({
      kind: 'client-throttled',
      message: 'too many requests from this address: limits.requestsPerClient of this mirror',
      detail: { rule: 'limits.requestsPerClient' },
      retryAfterMs: waitMs,
    });
  }
  if ((request.url?.length ?? 0) > maxTargetLength) {
    return new MirrorError({
      kind: 'target-too-long',
      message: `the path with its query is longer than ${maxTargetLength} characters`,
    });
  }
  if (request.rawHeaders.length > 2 * maxHeaders) {
    return new MirrorError({ kind: 'headers-too-large', message: `the request has more than ${maxHeaders} headers` });
  }
  return undefined;
}

/** Tells the audit of a request that ended so, if it was refused by what the operator wrote. */
export function auditFailure(exchange: Pick<Reported, 'route' | 'target'>, failure: unknown, to: AuditTarget): void {
  if (!isMirrorError(failure)) return;
  const reason = reasons[failure.kind];
  if (reason === undefined) return;
  const { detail } = failure;
  const rule = isRecord(detail) && typeof detail['rule'] === 'string' ? detail['rule'] : undefined;
  to.audit.refused({ reason, client: to.client, rule, ...(exchange.route && describeRoute(exchange)) });
}

export interface AuditTarget {
  readonly audit: Audit;
  readonly client: string;
}
