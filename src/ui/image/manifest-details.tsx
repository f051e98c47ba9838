import type { ImageManifest } from '../../admin/api-types.ts';
import { formatBytes, formatMediaType } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { Digest } from '../parts/digest.tsx';
import { BlobTable } from './blob-table.tsx';

interface ManifestDetailsProps {
  readonly manifest: ImageManifest;
  readonly isOpen: boolean;
}

/** One platform of an image, its layers on demand. */
export function ManifestDetails({ manifest, isOpen }: ManifestDetailsProps) {
  const { digest, mediaType, platform, isHere, sizeBytes, cachedBytes, blobs } = manifest;
  const name = platform ?? `without platform (${formatMediaType(mediaType)})`;
  return (
    <details class="manifest" open={isOpen}>
      <summary>
        <span class="manifest-line">
          <span class="name">{name}</span>
          <Digest digest={digest} />
          <Presence isHere={isHere} sizeBytes={sizeBytes} cachedBytes={cachedBytes} />
        </span>
      </summary>
      {blobs.length === 0 && <p class="hint">Its layers are known once its manifest is here.</p>}
      {blobs.length > 0 && <BlobTable blobs={blobs} name={name} />}
    </details>
  );
}

type PresenceProps = Pick<ImageManifest, 'isHere' | 'sizeBytes' | 'cachedBytes'>;

function Presence({ isHere, sizeBytes, cachedBytes }: PresenceProps) {
  if (!isHere || sizeBytes === null) return <Badge tone="plain">not here</Badge>;
  if (cachedBytes >= sizeBytes) return <Badge tone="good">{`${formatBytes(sizeBytes)} here`}</Badge>;
  return <Badge tone="warn">{`${formatBytes(cachedBytes)} of ${formatBytes(sizeBytes)} here`}</Badge>;
}
