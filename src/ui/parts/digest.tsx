import { shortenDigest } from '../format.ts';

/** Shortened; in full in its title. */
export function Digest({ digest }: { readonly digest: string }) {
  return (
    <code class="digest" title={digest}>
      {shortenDigest(digest)}
    </code>
  );
}
