import type { Digest } from '../../../../src/oci/digest.ts';
import { MirrorError } from '../../../../src/oci/errors.ts';
import type { Provenance } from '../../../../src/oci/provenance.ts';
import type {
  BlobHead,
  BlobStream,
  CallerLogin,
  OpenBlobOptions,
  Upstream,
} from '../../../../src/upstream/upstream.ts';

type Event = { readonly bytes: Uint8Array } | { readonly error: Error } | 'end';

interface Answered {
  resolve(stream: BlobStream): void;
  reject(error: Error): void;
}

/** One `openBlob` that the test answers. */
export class BlobRequest {
  readonly repository: string;
  readonly options: OpenBlobOptions;
  isDestroyed = false;
  readonly #events: Event[] = [];
  readonly #kept = new Set<ArrayBufferLike>();
  #wake: () => void = () => {};
  readonly #answered: Answered;

  constructor(repository: string, options: OpenBlobOptions, answered: Answered) {
    this.repository = repository;
    this.options = options;
    this.#answered = answered;
    options.signal?.addEventListener('abort', () => {
      this.#destroy();
      answered.reject(new Error('aborted'));
    });
  }

  /** Runs that somebody keeps. */
  get keptRuns(): number {
    return this.#kept.size;
  }

  get span(): { start: number; end: number } | undefined {
    return this.options.span;
  }

  /** Answers with the part of `content` that was asked for, or, with `whole`, with all of it. */
  answer(content: Uint8Array, facts: { provenance?: Provenance; whole?: boolean; unsized?: boolean } = {}): this {
    const span = facts.whole === true ? undefined : this.span;
    const start = span?.start ?? 0;
    const end = Math.min(span?.end ?? Infinity, content.length);
    this.#answered.resolve({
      start,
      end: facts.unsized === true ? undefined : end,
      sizeBytes: facts.unsized === true ? undefined : content.length,
      provenance: facts.provenance ?? 'public',
      body: this.#body(),
      keep: (run) => this.#keep(run),
      destroy: () => this.#destroy(),
    });
    return this;
  }

  refuse(error: Error): void {
    this.#answered.reject(error);
  }

  send(bytes: Uint8Array): this {
    this.#push({ bytes });
    return this;
  }

  end(): void {
    this.#push('end');
  }

  breakOff(): void {
    this.#push({ error: new Error('connection reset') });
  }

  #push(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }

  #destroy(): void {
    this.isDestroyed = true;
    this.#wake();
  }

  /** A run is its reader's until it asks for the next one, or for longer where it is kept: then other bytes are there. */
  *#run(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
    const run = Uint8Array.from(bytes);
    yield run;
    if (!this.#kept.has(run.buffer)) run.fill(0xee);
  }

  #keep({ buffer }: Uint8Array): () => void {
    this.#kept.add(buffer);
    return () => {
      if (!this.#kept.delete(buffer)) throw new Error('a run that is not kept was let go of');
      new Uint8Array(buffer).fill(0xee);
    };
  }

  async *#body(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event === 'end') return;
      if (event !== undefined && 'error' in event) throw event.error;
      if (event !== undefined) yield* this.#run(event.bytes);
      else if (this.isDestroyed) throw new Error('destroyed');
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** An upstream whose blob requests wait for the test. Everything else is refused as a mistake. */
export class ScriptedBlobUpstream implements Upstream {
  readonly name: string;
  readonly sharesCredentials: boolean = true;
  readonly hasLogin = false;
  readonly account: string | undefined = undefined;
  readonly requests: BlobRequest[] = [];
  readonly heads: string[] = [];
  /** What a HEAD of a blob gives, by repository; without an entry the blob is not there. */
  readonly headAnswers = new Map<string, BlobHead>();

  constructor(name = 'docker.io') {
    this.name = name;
  }

  /** The request that came last. */
  get last(): BlobRequest {
    const request = this.requests.at(-1);
    if (request === undefined) throw new Error('nothing was asked of this upstream');
    return request;
  }

  async openBlob(repository: string, _digest: Digest, options: OpenBlobOptions = {}): Promise<BlobStream> {
    return await new Promise((resolve, reject) => {
      this.requests.push(new BlobRequest(repository, options, { resolve, reject }));
    });
  }

  async headBlob(repository: string): Promise<BlobHead> {
    this.heads.push(repository);
    await Promise.resolve();
    const answer = this.headAnswers.get(repository);
    if (answer === undefined) throw absent();
    return answer;
  }

  async headManifest(): Promise<never> {
    return await Promise.reject(new Error('not asked for in these tests'));
  }

  async getManifest(): Promise<never> {
    return await Promise.reject(new Error('not asked for in these tests'));
  }

  async findChangedManifest(): Promise<never> {
    return await Promise.reject(new Error('not asked for in these tests'));
  }

  async listTags(): Promise<never> {
    return await Promise.reject(new Error('not asked for in these tests'));
  }

  async listReferrers(): Promise<never> {
    return await Promise.reject(new Error('not asked for in these tests'));
  }

  through(): Upstream {
    return this;
  }

  as({ key }: CallerLogin): Upstream {
    return Object.create(this, { account: { value: key } }) as Upstream;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

export function absent(): MirrorError {
  return new MirrorError({ kind: 'blob-unknown', message: 'not here', isFinal: true });
}

export function outage(): MirrorError {
  return new MirrorError({ kind: 'upstream-failed', message: 'connection refused' });
}
