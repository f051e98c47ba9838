import type { Digest } from './digest.ts';

/** What a manifest says of an object: the author's claim, never proof. */
export interface Descriptor {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}
