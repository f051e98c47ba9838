import type { ImageSummary } from '../../admin/api-types.ts';
import { formatBytes, formatCount } from '../format.ts';
import { Link } from '../link.tsx';
import { PinButton } from '../image/pin-button.tsx';
import { Age } from '../parts/age.tsx';
import { Badge } from '../parts/badge.tsx';

interface ImageRowProps {
  readonly image: ImageSummary;
  onChange(): void;
  onPurge(reference: string): void;
}

export function ImageRow({ image, onChange, onPurge }: ImageRowProps) {
  const { reference, sizeBytes, cachedBytes, hits, lastUsedAt, isPinned, visibility } = image;
  return (
    <tr>
      <th scope="row">
        <Link to={{ view: 'image', reference }} class="name" title={reference}>
          {reference}
        </Link>
      </th>
      <td class="numeric" data-label="Size">
        {formatBytes(sizeBytes)}
        {cachedBytes < sizeBytes && <span class="hint">{` ${formatBytes(cachedBytes)} here`}</span>}
      </td>
      <td class="numeric" data-label="Hits">
        {formatCount(hits)}
      </td>
      <td data-label="Last use">
        <Age at={lastUsedAt} />
      </td>
      <td data-label="State" class="states">
        {isPinned && <Badge tone="good">pinned</Badge>}
        <Badge tone={visibility === 'restricted' ? 'warn' : 'plain'}>{visibility}</Badge>
      </td>
      <td class="actions">
        <PinButton reference={reference} isPinned={isPinned} onChange={onChange} isSmall />
        <button type="button" class="small danger" aria-label={`Purge ${reference}`} onClick={() => onPurge(reference)}>
          Purge
        </button>
      </td>
    </tr>
  );
}
