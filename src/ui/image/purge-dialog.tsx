import type { ImageDetails, PurgeResult } from '../../admin/api-types.ts';
import { useAction } from '../api/use-action.ts';
import { useResource } from '../api/use-resource.ts';
import { formatBytes, formatCounted } from '../format.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Failure } from '../parts/failure.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { previewPurge } from './image-counts.ts';

interface PurgeDialogProps {
  readonly reference: string;
  onClose(): void;
  onPurged(): void;
}

/** Says what would go and what would stay, then does it. */
export function PurgeDialog({ reference, onClose, onPurged }: PurgeDialogProps) {
  const { value, failure, reload } = useResource<ImageDetails>(`/image?reference=${encodeURIComponent(reference)}`);
  const action = useAction({ tells: false });
  const purge = async (): Promise<void> => {
    const result = await action.run<PurgeResult>('/purge', { references: [reference] }, describeResult);
    if (result === undefined) return;
    onClose();
    onPurged();
  };
  return (
    <Dialog title="Purge this image?" onClose={onClose}>
      <p class="name">{reference}</p>
      {failure !== undefined && <Failure what="What it holds is not known" failure={failure} onRetry={reload} />}
      {value === undefined && failure === undefined && <Skeleton what="what would be removed" lines={2} />}
      {value !== undefined && <Preview image={value} />}
      {action.failure !== undefined && <Failure what="Nothing was purged" failure={action.failure} />}
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="danger" disabled={action.isRunning} onClick={() => void purge()}>
          Purge
        </button>
      </div>
    </Dialog>
  );
}

function Preview({ image }: { readonly image: ImageDetails }) {
  const { removedObjects, freedBytes, keptObjects, keptBytes } = previewPurge(image);
  const kept = `${formatCounted(keptObjects, 'object')} (${formatBytes(keptBytes)}) that other images need`;
  return (
    <ul class="plain-list">
      <li>{`Removes about ${formatCounted(removedObjects, 'object')} and frees ${formatBytes(freedBytes)}.`}</li>
      <li>{keptObjects === 0 ? 'No other image shares its layers.' : `Keeps ${kept}.`}</li>
      {image.pins.length > 0 && <li class="warning">It is pinned: somebody wanted it to stay.</li>}
      <li>The next pull of it fetches it from upstream again.</li>
    </ul>
  );
}

function describeResult({ items }: PurgeResult): string {
  const removed = items.reduce((count, item) => count + item.removedObjects, 0);
  const freed = items.reduce((bytes, item) => bytes + item.freedBytes, 0);
  const kept = items.reduce((count, item) => count + item.keptObjects, 0);
  const keptText = kept === 0 ? '' : `; ${formatCounted(kept, 'object')} kept for other images`;
  return `${formatCounted(removed, 'object')} removed, ${formatBytes(freed)} freed${keptText}`;
}
