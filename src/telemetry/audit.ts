import type { Clock } from './clock.ts';
import type { Log } from './log.ts';
import type { Meter } from './metrics.ts';

/** Why a request was refused by what the operator wrote, rather than by an upstream or by what is not there. */
export const refusalReasons = ['rule', 'limit', 'login', 'network', 'token'] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** One refused request. Never credentials, nor anything made of them. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** The client's address. */
  readonly client: string;
  readonly upstream?: string | undefined;
  readonly repository?: string | undefined;
  /** Tag or digest. */
  readonly reference?: string | undefined;
  /** What refused it, as it is written in the configuration: `org/secret*`, `limits.requestsPerClient`. */
  readonly rule?: string | undefined;
}

/** Whom the parts tell of what they refuse; given around like the log. */
export interface Audit {
  /** Counts it, and writes an `audit` line unless this client has had enough of them. Never throws. */
  refused(refusal: Refusal): void;
}

export interface ClosableAudit extends Audit {
  /** Says what was left out so far. */
  close(): void;
}

export interface AuditOptions {
  readonly log: Log;
  readonly meter: Pick<Meter, 'refused'>;
  readonly clock: Clock;
}

/** Lines that a client gets in a minute; what is more is told by number when the minute is over. */
const linesPerClient = 10;
const windowMs = 60_000;
/** Further clients within a minute share one account, so that a flood from everywhere fills neither memory nor disk. */
const maxClients = 1_000;
const otherClients = 'others';
/** Text of a client's choosing is cut to this. */
const maxTextLength = 256;

interface Account {
  lines: number;
  readonly untold: Map<RefusalReason, number>;
}

/** One line for each refused request: ten a minute and client, and how many more there were. */
export function createAudit({ log, meter, clock }: AuditOptions): ClosableAudit {
  const accounts = new Map<string, Account>();

  function tellRest(): void {
    for (const [client, { untold }] of accounts) {
      const more = [...untold.values()].reduce((sum, count) => sum + count, 0);
      if (more > 0) log.warn({ client, more, reasons: Object.fromEntries(untold) }, 'audit');
    }
    accounts.clear();
  }

  function accountOf(client: string): Account {
    // The minute begins with the first refusal, for all.
    if (accounts.size === 0) timer = clock.startTimer(windowMs, tellRest);
    const key = accounts.has(client) || accounts.size < maxClients ? client : otherClients;
    const account = accounts.get(key) ?? { lines: 0, untold: new Map<RefusalReason, number>() };
    accounts.set(key, account);
    return account;
  }

  let timer = { stop(): void {} };
  return {
    refused({ reason, client, upstream, repository, reference, rule }) {
      meter.refused(reason);
      const account = accountOf(client);
      if (account.lines < linesPerClient) {
        account.lines += 1;
        log.warn(
          { reason, client, upstream, repository, reference: reference?.slice(0, maxTextLength), rule },
          'audit',
        );
      } else {
        account.untold.set(reason, (account.untold.get(reason) ?? 0) + 1);
      }
    },
    close() {
      timer.stop();
      tellRest();
    },
  };
}

/** For tests and for parts that are run alone. */
export const silentAudit: Audit = { refused() {} };
