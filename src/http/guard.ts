import type { RequestListener, ServerResponse } from 'node:http';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { ClientGate } from './client-gate.ts';
import type { ClientOf } from './client-address.ts';
import { writeError } from './error-response.ts';
import { headerNames } from './headers.ts';
import { auditFailure } from './refusals.ts';
import type { RequestReports } from './request-log.ts';

export interface GuardOptions {
  readonly gate: ClientGate;
  readonly clock: Clock;
  readonly report: RequestReports;
  readonly audit: Audit;
  readonly clientOf: ClientOf;
}

/** Puts the gate before `handler`. */
export function guard(options: GuardOptions, handler: RequestListener): RequestListener {
  const { gate, clock } = options;
  return (request, response) => {
    const refusal = gate.refuse(request);
    if (refusal === undefined) handler(request, response);
    else if (refusal instanceof MirrorError) refuse(response, refusal, clock.monotonicMs(), options);
    else {
      const startedMs = clock.monotonicMs();
      refusal.then(
        (late) => {
          if (late !== undefined) refuse(response, late, startedMs, options);
          // A client that has left while it was looked at wants nothing more.
          else if (!response.destroyed) handler(request, response);
        },
        (error: unknown) => refuse(response, error, startedMs, options),
      );
    }
  };
}

function refuse(
  response: ServerResponse,
  failure: unknown,
  startedMs: number,
  { report, audit, clientOf }: GuardOptions,
): void {
  const { url: target = '', headers } = response.req;
  // Clients ask without a login first: that is no refusal.
  if (isMirrorError(failure, 'login-required') && headers.authorization !== undefined) {
    audit.refused({ reason: 'login', client: clientOf(response.req), rule: 'clients.accounts' });
  }
  auditFailure({ route: undefined, target }, failure, { audit, client: clientOf(response.req) });
  const tell = (): void =>
    report({ response, target, route: undefined, startedMs, outcome: undefined, failure, sentBytes: 0 });
  if (response.destroyed) {
    tell();
    return;
  }
  response.once('close', tell);
  // A body is never read, so the connection cannot be used again; a client that is asked for its login comes again.
  const hasBody = (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined;
  const isOver = !isMirrorError(failure, 'login-required');
  if (hasBody || isOver) response.setHeader(headerNames.connection, 'close');
  writeError(response, failure);
}
