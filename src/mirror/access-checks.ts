import type { Digest } from '../oci/digest.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Provenance } from '../oci/provenance.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { AccessVerdicts, Said } from './access-verdicts.ts';

/** What a caller wants of a repository, and what it is checked by. `list`: its tags or referrers. */
export type Subject =
  | { readonly kind: 'manifest'; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'list' };

export interface AccessCheck {
  /** The caller's key, or a name for anybody. */
  readonly caller: string;
  readonly isAnybody: boolean;
  /** Asked as this caller. */
  readonly upstream: Upstream;
  /** Of the tokens that `upstream` gets. */
  readonly session: number;
  readonly repository: string;
  readonly subject: Subject;
  readonly ttlMs: number;
  /** How long it is remembered that there is no such thing. */
  readonly absentMs: number;
  /** How long to wait for an answer; the check runs on. */
  readonly patienceMs: number;
}

interface Running {
  readonly said: Promise<Said>;
  readonly reference: string;
}

/** How soon a client may ask again, where upstream does not say. */
const retryAfterMs = 5_000;

/** Asks upstream whether a caller may see a repository: one request in the air for each pair. A failure is no verdict. */
export class AccessChecks {
  readonly #verdicts: AccessVerdicts;
  readonly #clock: Clock;
  readonly #running = new Map<string, Running>();

  constructor(verdicts: AccessVerdicts, clock: Clock) {
    this.#verdicts = verdicts;
    this.#clock = clock;
  }

  /** @throws MirrorError `upstream-paused` when upstream cannot say, `loop` */
  async check(check: AccessCheck): Promise<Said> {
    const key = JSON.stringify([check.caller, check.repository]);
    const reference = referenceOf(check.subject);
    for (;;) {
      const { caller, repository, ttlMs } = check;
      if (this.#verdicts.findGranted(caller, repository, ttlMs) !== undefined) return 'granted';
      const denied = this.#verdicts.findDenied(caller, repository, reference);
      if (denied !== undefined) return denied;
      const running = this.#running.get(key) ?? this.#start(key, check);
      const said = await this.#within(running.said, check);
      // That something else is absent says nothing of this.
      if (said !== 'absent' || running.reference === reference) return said;
    }
  }

  #start(key: string, check: AccessCheck): Running {
    const said = this.#ask(check).finally(() => this.#running.delete(key));
    // It may fail after everybody has stopped waiting.
    said.catch(() => {});
    const running = { said, reference: referenceOf(check.subject) };
    this.#running.set(key, running);
    return running;
  }

  async #ask({ caller, isAnybody, upstream, session, repository, subject, ...limits }: AccessCheck): Promise<Said> {
    const askedMs = this.#clock.monotonicMs();
    try {
      const provenance = await askUpstream(upstream, repository, subject);
      // What the mirror is shown for what it is itself, nobody else is.
      if (isAnybody && provenance === 'restricted') {
        this.#verdicts.refuse(caller, repository, askedMs + limits.ttlMs);
        return 'refused';
      }
      this.#verdicts.grant(caller, repository, { askedMs, session });
      return 'granted';
    } catch (error) {
      if (!isMirrorError(error) || error.kind === 'loop') throw error;
      if (error.isDenial) {
        this.#verdicts.refuse(caller, repository, askedMs + limits.ttlMs);
        return 'refused';
      }
      const isAbsent = error.kind === 'manifest-unknown' || error.kind === 'blob-unknown';
      if (!isAbsent) throw unsaid(error, error.retryAfterMs);
      const untilMs = askedMs + Math.min(limits.ttlMs, limits.absentMs);
      this.#verdicts.miss(caller, repository, { reference: referenceOf(subject), untilMs });
      return 'absent';
    }
  }

  async #within(said: Promise<Said>, { patienceMs }: AccessCheck): Promise<Said> {
    if (patienceMs === Infinity) return await said;
    const late = Promise.withResolvers<never>();
    const timer = this.#clock.startTimer(patienceMs, () => late.reject(unsaid(undefined, 1_000)));
    try {
      return await Promise.race([said, late.promise]);
    } finally {
      timer.stop();
    }
  }
}

async function askUpstream(upstream: Upstream, repository: string, subject: Subject): Promise<Provenance | undefined> {
  if (subject.kind === 'blob') return (await upstream.headBlob(repository, subject.digest)).provenance;
  if (subject.kind === 'manifest') return (await upstream.headManifest(repository, subject.reference)).provenance;
  await upstream.listTags(repository, { n: 1, last: undefined });
  return undefined;
}

/** Kinds apart: a digest may name a blob and not a manifest. */
function referenceOf(subject: Subject): string {
  if (subject.kind === 'list') return 'list';
  return `${subject.kind} ${subject.kind === 'blob' ? subject.digest : formatReference(subject.reference)}`;
}

function unsaid(cause: unknown, waitMs: number | undefined): MirrorError {
  const message = 'whether this may be seen cannot be checked: the upstream does not answer';
  return new MirrorError({ kind: 'upstream-paused', message, retryAfterMs: waitMs ?? retryAfterMs, cause });
}
