import type { ImageSummary } from '../../admin/api-types.ts';
import { ImageRow } from './image-row.tsx';

interface ImageTableProps {
  readonly images: readonly ImageSummary[];
  /** Whether another page is on its way. */
  readonly isOld: boolean;
  onChange(): void;
  onPurge(reference: string): void;
}

/** A table; on a narrow screen each row becomes a block whose cells name themselves. */
export function ImageTable({ images, isOld, onChange, onPurge }: ImageTableProps) {
  return (
    <table class={`images ${isOld ? 'is-old' : ''}`}>
      <thead>
        <tr>
          <th scope="col">Image</th>
          <th scope="col" class="numeric">
            Size
          </th>
          <th scope="col" class="numeric">
            Hits
          </th>
          <th scope="col">Last use</th>
          <th scope="col">State</th>
          <th scope="col">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {images.map((image) => (
          <ImageRow key={image.reference} image={image} onChange={onChange} onPurge={onPurge} />
        ))}
      </tbody>
    </table>
  );
}
