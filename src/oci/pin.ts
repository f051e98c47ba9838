import type { Digest } from './digest.ts';
import type { RepositoryId } from './reference.ts';
import { matchesWildcard } from './wildcard.ts';

/**
 * What is kept whatever else has to go: content and all that it lists. In `repository` and `tag` a `*` stands for any
 * characters or none; without a tag everything of the repository is meant, also what was pulled by digest.
 */
export type Pin =
  | { readonly type: 'digest'; readonly digest: Digest }
  | {
      readonly type: 'image';
      /** The upstream's configured name. */
      readonly upstream: string;
      readonly repository: string;
      readonly tag: string | undefined;
    };

export type ImagePin = Extract<Pin, { readonly type: 'image' }>;

/** Whether the pin is about this repository, or some tag of it. */
export function pinsRepository(pin: ImagePin, { upstream, repository }: RepositoryId): boolean {
  return pin.upstream === upstream && matchesWildcard(pin.repository, repository);
}

export function pinsTag(pin: ImagePin, repository: RepositoryId, tag: string): boolean {
  return pinsRepository(pin, repository) && matchesWildcard(pin.tag ?? '*', tag);
}

/** As it is written: `docker.io/library/alpine:3.*`, or a digest. */
export function formatPin(pin: Pin): string {
  if (pin.type === 'digest') return pin.digest;
  return `${pin.upstream}/${pin.repository}${pin.tag === undefined ? '' : `:${pin.tag}`}`;
}
