import { isMirrorError } from '../oci/errors.ts';
import { parseImageName, type ImageName, type NamedUpstream } from '../oci/image-name.ts';

export const imageExpectation =
  'an image of one of the upstreams, as in alpine:3.20 or ghcr.io/org/app@sha256:…, without * in it';
export const platformExpectation = 'a platform, as in linux/amd64 or linux/arm/v7';

/** Undefined for what is no image name, and for one whose host is on no upstream. */
export function findImage(text: string, upstreams: readonly NamedUpstream[]): ImageName | undefined {
  try {
    return parseImageName(text, upstreams);
  } catch (error) {
    if (!isMirrorError(error)) throw error;
    return undefined;
  }
}
