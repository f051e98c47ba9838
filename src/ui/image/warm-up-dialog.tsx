import { useState } from 'preact/hooks';
import type { ImageDetails, Job } from '../../admin/api-types.ts';
import { useAction } from '../api/use-action.ts';
import { useApp } from '../app-context.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Failure } from '../parts/failure.tsx';
import { platformsOf } from './image-counts.ts';

interface WarmUpDialogProps {
  readonly image: ImageDetails;
  onClose(): void;
  onStarted(job: Job): void;
}

/** Chooses which platforms of an image to bring here. */
export function WarmUpDialog({ image, onClose, onStarted }: WarmUpDialogProps) {
  const { live } = useApp();
  const action = useAction({ tells: false });
  const platforms = platformsOf(image);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    () => new Set(platforms.filter(({ isComplete }) => !isComplete).map(({ platform }) => platform)),
  );
  const toggle = (platform: string): void => {
    const next = new Set(chosen);
    if (!next.delete(platform)) next.add(platform);
    setChosen(next);
  };
  const start = async (): Promise<void> => {
    const body = { references: [image.reference], ...(platforms.length > 0 && { platforms: [...chosen] }) };
    const result = await action.run<Job>('/pull', body, () => 'The warm-up has begun');
    if (result === undefined) return;
    live.takeJob(result.answer);
    onStarted(result.answer);
    onClose();
  };
  return (
    <Dialog title="Warm up" onClose={onClose}>
      <p class="name">{image.reference}</p>
      {platforms.length === 0 && <p>What is missing of it is fetched from upstream.</p>}
      {platforms.length > 0 && (
        <fieldset class="choices">
          <legend>Platforms to fetch</legend>
          {platforms.map(({ platform, isComplete }) => (
            <label key={platform}>
              <input type="checkbox" checked={chosen.has(platform)} onChange={() => toggle(platform)} />
              <span>{platform}</span>
              {isComplete && <span class="hint">here</span>}
            </label>
          ))}
        </fieldset>
      )}
      {action.failure !== undefined && <Failure what="It was not started" failure={action.failure} />}
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <button
          type="button"
          class="primary"
          disabled={action.isRunning || (platforms.length > 0 && chosen.size === 0)}
          onClick={() => void start()}
        >
          Warm up
        </button>
      </div>
    </Dialog>
  );
}
