import type { Digest } from '../oci/digest.ts';
import type { ManifestHead } from '../upstream/upstream.ts';
import type { LoadedManifest } from './manifest-pulls.ts';

/** What upstream said of a tag. */
export interface Verdict {
  /** Verdicts count in the order in which they were asked for, not in which they came. */
  readonly order: number;
  /** Wall time, milliseconds since 1970. */
  readonly checkedMs: number;
  readonly digest: Digest;
  /** What its HEAD told of the manifest. */
  readonly head: ManifestHead;
  /** The manifest, where it had to be fetched to find out. */
  readonly manifest: LoadedManifest | undefined;
}
