import type { MirrorError } from '../../oci/errors.ts';
import type { Provenance } from '../../oci/provenance.ts';
import type { BlobTransfer, Upstream } from '../../upstream/upstream.ts';

/** Where a fill may fetch: a repository of an upstream, with one account. */
export interface Source {
  readonly upstream: Upstream;
  readonly repository: string;
  /** Set by upstream's first 200 for this repository and digest. */
  provenance: Provenance | undefined;
  /** Set when upstream's answer was final: this source is no longer asked. */
  refusal: MirrorError | undefined;
  /** False once it answered a Range request with the whole. */
  hasRanges: boolean;
  readonly transfer: BlobTransfer;
}

/** The sources of one fill, in the order in which they are tried. */
export class Sources {
  #list: Source[] = [];

  /** The source for this repository and account: the one that is there, else a new one, last in line. */
  join(upstream: Upstream, repository: string): Source {
    const known = this.#list.find(
      (source) => source.upstream.account === upstream.account && isSameRepository(source, { upstream, repository }),
    );
    if (known !== undefined) return known;
    const source: Source = {
      upstream,
      repository,
      provenance: undefined,
      refusal: undefined,
      hasRanges: true,
      transfer: { redirectTarget: undefined },
    };
    this.#list.push(source);
    return source;
  }

  /** The one to ask next; undefined when every source has refused. */
  get current(): Source | undefined {
    return this.#list[0];
  }

  get proven(): readonly Source[] {
    return this.#list.filter((source) => source.provenance !== undefined);
  }

  /** Whether the blob has been found where this source leads, with whatever account. */
  isProvenFor(source: Source): boolean {
    return this.#list.some((other) => other.provenance !== undefined && isSameRepository(other, source));
  }

  /** After a failure that may pass: the others first. */
  rotate(source: Source): void {
    if (this.#list[0] !== source) return;
    this.#list = [...this.#list.slice(1), source];
  }

  /** After a final answer: never again in this fill. A later pull through it asks anew. */
  refuse(source: Source, refusal: MirrorError): void {
    source.refusal = refusal;
    this.#list = this.#list.filter((other) => other !== source);
  }
}

type Place = Pick<Source, 'upstream' | 'repository'>;

function isSameRepository(one: Place, other: Place): boolean {
  return one.upstream.name === other.upstream.name && one.repository === other.repository;
}
