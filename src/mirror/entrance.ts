import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Catalog } from '../store/catalog.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { blobUnknown, manifestUnknown } from './absent.ts';
import { AccessChecks, type AccessCheck, type Subject } from './access-checks.ts';
import { AccessVerdicts, type Said } from './access-verdicts.ts';
import { CallerKeys } from './caller-keys.ts';
import { repositoryOf, type Door } from './door.ts';
import type { Arrival } from './pull.ts';

export interface EntranceOptions {
  readonly upstreams: Pick<Upstreams, 'find'>;
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** For how long upstream's word on a caller counts, where callers' logins are passed through; undefined elsewhere. */
  accessTtlOf(upstream: string): number | undefined;
  limitsOf(upstream: string): { readonly checkTimeoutMs: number; readonly negativeTtlMs: number };
}

/**
 * The way in: to every pull its door. Where callers' logins are passed through, a door leads to a repository that
 * upstream shows to whoever comes in, and has said so within the last `accessTtl`; what is behind it need not ask
 * again. Whoever upstream does not show it to, stays outside.
 */
export class Entrance {
  readonly #options: EntranceOptions;
  readonly #keys = new CallerKeys();
  readonly #verdicts: AccessVerdicts;
  readonly #checks: AccessChecks;
  #sessions = 0;

  constructor(options: EntranceOptions) {
    this.#options = options;
    this.#verdicts = new AccessVerdicts(options.clock);
    this.#checks = new AccessChecks(this.#verdicts, options.clock);
  }

  /** The door where nobody need be asked first. @throws MirrorError `upstream-unknown` */
  findDoor(arrival: Arrival, subject: Subject): Door | undefined {
    const door = this.#findPlainDoor(arrival);
    const ttlMs = this.#options.accessTtlOf(door.upstream.name);
    if (ttlMs === undefined) return asShared(door);
    if (this.#isPublic(door, subject)) return asGuest(door);
    if (this.#verdicts.findGranted(anybodyAt(door.upstream), door.repository, ttlMs) !== undefined) return door;
    return this.#findCallersDoor(door, arrival, ttlMs);
  }

  /**
   * Lets a pull in and does what it came for. Upstream may think otherwise of the caller in the middle of it: then it
   * is asked once more, and the pull tried again if it says yes.
   * @throws MirrorError `login-required`, `upstream-denied`, `manifest-unknown`, `blob-unknown`, or `upstream-paused`
   * when upstream cannot say whether this caller may come in
   */
  async pass<Result>(arrival: Arrival, subject: Subject, act: (door: Door) => Promise<Result>): Promise<Result> {
    const door = this.#findPlainDoor(arrival);
    const ttlMs = this.#options.accessTtlOf(door.upstream.name);
    if (ttlMs === undefined) return await act(asShared(door));
    if (this.#isPublic(door, subject)) {
      try {
        return await act(asGuest(door));
      } catch (error) {
        if (!isDenial(error)) throw error;
        this.#verdicts.forget(anybodyAt(door.upstream), door.repository);
      }
    }
    const entered = await this.#enter(door, arrival, { subject, ttlMs });
    try {
      return await act(entered);
    } catch (error) {
      if (!isDenial(error)) throw error;
      this.#verdicts.forget(entered.upstream.account ?? anybodyAt(door.upstream), door.repository);
    }
    return await act(await this.#enter(door, arrival, { subject, ttlMs }));
  }

  /** Whether the names of this repository's tags and the like are anybody's to know, as far as is known. */
  isOpen(upstream: string, repository: string): boolean {
    const isPassthrough = this.#options.accessTtlOf(upstream) !== undefined;
    return !isPassthrough || this.#verdicts.wasGranted(`anybody ${upstream}`, repository);
  }

  #findPlainDoor({ upstream: name, repository, hops = [] }: Arrival): Door {
    const upstream = this.#options.upstreams.find(name);
    if (upstream !== undefined) return { upstream: upstream.through(hops), repository };
    throw new MirrorError({ kind: 'upstream-unknown', message: 'no upstream of this name is configured' });
  }

  #findCallersDoor(door: Door, { login }: Arrival, ttlMs: number): Door | undefined {
    if (login === undefined) return undefined;
    const key = this.#keys.keyOf(door.upstream.name, login);
    const granted = this.#verdicts.findGranted(key, door.repository, ttlMs);
    return granted && { ...door, upstream: door.upstream.as({ ...login, key, session: granted.session }) };
  }

  async #enter(door: Door, arrival: Arrival, { subject, ttlMs }: Wanted): Promise<Door> {
    const known = this.#findCallersDoor(door, arrival, ttlMs);
    if (known !== undefined) return known;
    const { upstream, repository } = door;
    const { checkTimeoutMs, negativeTtlMs } = this.#options.limitsOf(upstream.name);
    const patienceMs = this.#isHere(door, subject) ? checkTimeoutMs : Infinity;
    const question = { repository, subject, ttlMs, absentMs: negativeTtlMs, patienceMs };
    const { login } = arrival;
    const anybody = { caller: anybodyAt(upstream), isAnybody: true, upstream, session: 0 };
    if (login === undefined) {
      requireGranted(await this.#checks.check({ ...question, ...anybody }), subject, loginRequired);
      return door;
    }
    if ((await this.#checkQuietly({ ...question, ...anybody })) === 'granted') return door;
    const caller = this.#keys.keyOf(upstream.name, login);
    const session = ++this.#sessions;
    const own = upstream.as({ ...login, key: caller, session });
    const check = { ...question, caller, isAnybody: false, upstream: own, session };
    requireGranted(await this.#checks.check(check), subject, () => denied(subject));
    // The check may have been another's, with a session of its own; where nothing is kept, this one's token is new too.
    return this.#findCallersDoor(door, arrival, ttlMs) ?? { ...door, upstream: own };
  }

  /** Whoever has a login may be let in although nobody can say what anybody may see. */
  async #checkQuietly(check: AccessCheck): Promise<Said | undefined> {
    try {
      return await this.#checks.check(check);
    } catch (error) {
      if (isMirrorError(error, 'upstream-paused')) return undefined;
      throw error;
    }
  }

  /**
   * Whether it is known to be anybody's. A digest that is public is, wherever it is asked for. What a tag names is
   * only in a repository that upstream has shown to anybody, the last time it was asked.
   */
  #isPublic(door: Door, subject: Subject): boolean {
    const { catalog } = this.#options;
    if (subject.kind === 'list') return false;
    if (subject.kind === 'blob') return catalog.findStored(subject.digest)?.provenance === 'public';
    const { reference } = subject;
    if (reference.type === 'digest') return catalog.findStored(reference.digest)?.provenance === 'public';
    if (!this.#verdicts.wasGranted(anybodyAt(door.upstream), door.repository)) return false;
    const row = catalog.findTag(repositoryOf(door), reference.tag);
    return row !== undefined && catalog.findStored(row.digest)?.provenance === 'public';
  }

  /** Whether there is something in the cache that could be served: then nobody waits long for a word on it. */
  #isHere(door: Door, subject: Subject): boolean {
    const { catalog } = this.#options;
    if (subject.kind === 'list') return true;
    if (subject.kind === 'blob') return catalog.findStored(subject.digest) !== undefined;
    const { reference } = subject;
    if (reference.type === 'digest') return catalog.findStored(reference.digest) !== undefined;
    return catalog.findTag(repositoryOf(door), reference.tag) !== undefined;
  }
}

interface Wanted {
  readonly subject: Subject;
  readonly ttlMs: number;
}

function asGuest(door: Door): Door {
  return { ...door, isGuest: true };
}

/** Where the mirror shares nothing of its own, what is restricted is left from another configuration: links are of no use. */
function asShared(door: Door): Door {
  return door.upstream.sharesCredentials ? door : asGuest(door);
}

/** No caller's key holds a space. */
function anybodyAt({ name }: Upstream): string {
  return `anybody ${name}`;
}

function isDenial(error: unknown): boolean {
  return isMirrorError(error) && error.isDenial;
}

function requireGranted(said: Said, subject: Subject, refuse: () => MirrorError): void {
  if (said === 'refused') throw refuse();
  if (said === 'absent') throw unknown(subject);
}

function unknown({ kind }: Subject): MirrorError {
  return kind === 'blob' ? blobUnknown() : manifestUnknown();
}

/** By digest, what is not shown and what is not there must not be told apart. */
function denied(subject: Subject): MirrorError {
  const isNamed = subject.kind === 'manifest' && subject.reference.type === 'tag';
  if (!isNamed) return unknown(subject);
  const message = 'the registry does not show this repository to this login';
  return new MirrorError({ kind: 'upstream-denied', message, isFinal: true });
}

function loginRequired(): MirrorError {
  const message = 'the registry does not show this repository to everybody: log in at this mirror as you would there';
  return new MirrorError({ kind: 'login-required', message, isFinal: true });
}
