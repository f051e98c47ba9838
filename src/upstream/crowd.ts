import { MirrorError } from '../oci/errors.ts';

/**
 * Questions that may be under way at one URL, of each class: all but those that have one of its connections wait. A
 * registry that answers within 100 ms needs six seconds for so many; who came later would wait in vain.
 */
const maxQuestions = 1000;
const retryAfterMs = 5_000;

interface Question {
  readonly kind: 'manifest' | 'list' | 'blob';
  readonly method: 'GET' | 'HEAD';
}

/** Questions about blobs crowd out none about manifests, and those none about blobs. */
type QuestionClass = 'metadata' | 'blobs';

/**
 * Whoever asks a registry for anything but the bytes of a blob (fills have places of their own). Waiting for a token
 * counts too. An upstream that stalls would otherwise gather whatever clients want until their time is over.
 */
export class Crowd {
  readonly #upstream: string;
  readonly #counts: Record<QuestionClass, number> = { metadata: 0, blobs: 0 };

  constructor(upstream: string) {
    this.#upstream = upstream;
  }

  /** @throws MirrorError `overloaded` at once, when too many are under way */
  async run<Answer>({ kind, method }: Question, ask: () => Promise<Answer>): Promise<Answer> {
    if (kind === 'blob' && method === 'GET') return await ask();
    const name = kind === 'blob' ? 'blobs' : 'metadata';
    if (this.#counts[name] >= maxQuestions) throw overloaded(this.#upstream);
    this.#counts[name] += 1;
    try {
      return await ask();
    } finally {
      this.#counts[name] -= 1;
    }
  }
}

function overloaded(upstream: string): MirrorError {
  return new MirrorError({
    kind: 'overloaded',
    message: `as many questions wait for ${upstream} as may: what this mirror has is served, the rest has to wait`,
    retryAfterMs,
  });
}
