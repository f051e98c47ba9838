import type { Clock } from '../telemetry/clock.ts';

/**
 * What upstream said to a caller of a repository. `granted` and `refused` are about all of the repository, `absent` is
 * about one tag, digest or list in it.
 */
export type Said = 'granted' | 'refused' | 'absent';

/** Of each kind of answer: whoever makes up logins must not fill the memory, nor push out the answers to those who have one. */
const maxEntries = 10_000;

export interface Granted {
  /** When it was asked for, monotonic. */
  readonly askedMs: number;
  /** Of the tokens that came with it. */
  readonly session: number;
}

/** The latest answers, by caller and repository. How long they count is for whoever asks to say. */
export class AccessVerdicts {
  readonly #clock: Clock;
  readonly #granted = new Map<string, Granted>();
  /** Until when; of repositories and of what is absent from them. */
  readonly #denied = new Map<string, { readonly said: Exclude<Said, 'granted'>; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#granted.size + this.#denied.size;
  }

  /** Undefined when it was never granted, or longer than `ttlMs` ago. */
  findGranted(caller: string, repository: string, ttlMs: number): Granted | undefined {
    const granted = this.#granted.get(keyOf(caller, repository));
    return granted !== undefined && this.#clock.monotonicMs() - granted.askedMs < ttlMs ? granted : undefined;
  }

  /** Whether the last answer was yes, whenever that was. */
  wasGranted(caller: string, repository: string): boolean {
    return this.#granted.has(keyOf(caller, repository));
  }

  findDenied(caller: string, repository: string, reference: string): Exclude<Said, 'granted'> | undefined {
    for (const key of [keyOf(caller, repository), keyOf(caller, repository, reference)]) {
      const entry = this.#denied.get(key);
      if (entry === undefined) continue;
      if (this.#clock.monotonicMs() < entry.untilMs) return entry.said;
      this.#denied.delete(key);
    }
    return undefined;
  }

  grant(caller: string, repository: string, granted: Granted): void {
    const key = keyOf(caller, repository);
    this.#denied.delete(key);
    put(this.#granted, key, granted);
  }

  refuse(caller: string, repository: string, untilMs: number): void {
    const key = keyOf(caller, repository);
    this.#granted.delete(key);
    put(this.#denied, key, { said: 'refused', untilMs });
  }

  /** There is no such thing, or none that is shown to this caller. */
  miss(caller: string, repository: string, { reference, untilMs }: { reference: string; untilMs: number }): void {
    put(this.#denied, keyOf(caller, repository, reference), { said: 'absent', untilMs });
  }

  /** The next one asks anew. */
  forget(caller: string, repository: string): void {
    const key = keyOf(caller, repository);
    this.#granted.delete(key);
    this.#denied.delete(key);
  }
}

/** No name holds a space. */
function keyOf(caller: string, repository: string, reference = ''): string {
  return `${caller} ${repository} ${reference}`;
}

function put<Value>(entries: Map<string, Value>, key: string, value: Value): void {
  entries.delete(key);
  entries.set(key, value);
  for (const oldest of entries.keys()) {
    if (entries.size <= maxEntries) break;
    entries.delete(oldest);
  }
}
