import type { ImageBlob } from '../../admin/api-types.ts';
import { formatBytes, formatMediaType } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { Digest } from '../parts/digest.tsx';
import { SharedWith } from './shared-with.tsx';

interface BlobTableProps {
  readonly blobs: readonly ImageBlob[];
  /** What lists them. */
  readonly name: string;
}

/** Config and layers, in their order. */
export function BlobTable({ blobs, name }: BlobTableProps) {
  return (
    <table class="blobs">
      <caption class="visually-hidden">{`Content of ${name}`}</caption>
      <thead>
        <tr>
          <th scope="col">Digest</th>
          <th scope="col">Kind</th>
          <th scope="col" class="numeric">
            Size
          </th>
          <th scope="col">Here</th>
          <th scope="col">Shared with</th>
        </tr>
      </thead>
      <tbody>
        {blobs.map(({ digest, mediaType, sizeBytes, isHere, sharedWith, sharedCount }, index) => (
          <tr key={`${index} ${digest}`}>
            <th scope="row">
              <Digest digest={digest} />
            </th>
            <td data-label="Kind" class="wrap" title={mediaType}>
              {formatMediaType(mediaType)}
            </td>
            <td data-label="Size" class="numeric">
              {formatBytes(sizeBytes)}
            </td>
            <td data-label="Here">{isHere ? <Badge tone="good">here</Badge> : <Badge tone="plain">not here</Badge>}</td>
            <td data-label="Shared with">
              <SharedWith references={sharedWith} count={sharedCount} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
