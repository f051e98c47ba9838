import { isMirrorError, type MirrorErrorKind } from '../../oci/errors.ts';
import type { ImageName } from '../../oci/image-name.ts';
import type { Mirror } from '../mirror-api.ts';
import type { ServedManifest } from '../pull.ts';
import { untilAborted } from './until-aborted.ts';

export interface ResolvedImage {
  readonly served: ServedManifest;
  /** Why upstream could not be asked whether this is what the tag still names. */
  readonly doubt: string | undefined;
}

/** Upstream has been asked, and has answered. */
const verdicts: ReadonlySet<MirrorErrorKind> = new Set(['manifest-unknown', 'upstream-denied', 'upstream-unknown']);

/**
 * The manifest that a name stands for. A tag within its time to live is believed, unless `isAnew`; later upstream's word
 * is wanted, and what is here goes on only with a doubt. @throws MirrorError
 */
export async function resolveImage(
  mirror: Mirror,
  { upstream, repository, reference }: ImageName,
  { isAnew, signal }: { readonly isAnew: boolean; readonly signal: AbortSignal },
): Promise<ResolvedImage> {
  const pull = { upstream, repository, reference };
  let served = isAnew ? undefined : await untilAborted(mirror.getManifest(pull, signal), signal);
  if (served !== undefined && served.outcome !== 'stale') return { served, doubt: undefined };
  try {
    return { served: await untilAborted(mirror.checkManifest(pull, signal), signal), doubt: undefined };
  } catch (error) {
    if (!isMirrorError(error) || verdicts.has(error.kind)) throw error;
    served ??= await untilAborted(mirror.getManifest(pull, signal), signal);
    const isAsked = served.outcome === 'miss' || served.outcome === 'revalidated';
    return { served, doubt: isAsked ? undefined : error.message };
  }
}
