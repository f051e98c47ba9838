import type { Digest } from '../oci/digest.ts';
import type { ManifestHead } from '../upstream/upstream.ts';
import type { LoadedManifest } from './manifest-pulls.ts';
import type { CheckTime } from './tag-ages.ts';

/** What upstream said of a tag. */
export interface Verdict {
  /** Verdicts count in the order in which they were asked for, not in which they came. */
  readonly order: number;
  /** When it was asked for. */
  readonly time: CheckTime;
  readonly digest: Digest;
  /** What its HEAD told of the manifest. */
  readonly head: ManifestHead;
  /** The validator that came with it. */
  readonly etag: string | undefined;
  /** The manifest, where it had to be fetched to find out. */
  readonly manifest: LoadedManifest | undefined;
}
