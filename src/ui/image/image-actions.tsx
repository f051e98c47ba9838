import { useState } from 'preact/hooks';
import type { ImageDetails, Job } from '../../admin/api-types.ts';
import { useAction } from '../api/use-action.ts';
import { useApp } from '../app-context.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { PinButton } from './pin-button.tsx';
import { PurgeDialog } from './purge-dialog.tsx';
import { WarmUpDialog } from './warm-up-dialog.tsx';

interface ImageActionsProps {
  readonly image: ImageDetails;
  onChange(): void;
  onJob(job: Job): void;
}

/** What can be done with an image. */
export function ImageActions({ image, onChange, onJob }: ImageActionsProps) {
  const { live } = useApp();
  const action = useAction();
  const [open, setOpen] = useState<'purge' | 'warm-up'>();
  const { reference, pins } = image;
  const isPinned = pins.some(({ pin, source }) => source === 'operator' && pin === reference);
  const verify = async (): Promise<void> => {
    const result = await action.run<Job>('/verify', { references: [reference] }, () => 'The verification has begun');
    if (result === undefined) return;
    live.takeJob(result.answer);
    onJob(result.answer);
  };
  return (
    <div class="button-row">
      <PinButton reference={reference} isPinned={isPinned} onChange={onChange} />
      <button type="button" disabled={action.isRunning} onClick={() => void verify()}>
        Verify
      </button>
      <button type="button" onClick={() => setOpen('warm-up')}>
        Warm up…
      </button>
      <button type="button" class="danger" onClick={() => setOpen('purge')}>
        Purge…
      </button>
      <CopyButton text={reference} what="the reference" />
      {open === 'purge' && <PurgeDialog reference={reference} onClose={() => setOpen(undefined)} onPurged={onChange} />}
      {open === 'warm-up' && <WarmUpDialog image={image} onClose={() => setOpen(undefined)} onStarted={onJob} />}
    </div>
  );
}
