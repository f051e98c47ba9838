import { useAction } from '../api/use-action.ts';

interface PinButtonProps {
  readonly reference: string;
  readonly isPinned: boolean;
  readonly isSmall?: boolean;
  onChange(): void;
}

/** Keeps an image from eviction, or no longer. */
export function PinButton({ reference, isPinned, isSmall = false, onChange }: PinButtonProps) {
  const action = useAction();
  const verb = isPinned ? 'Unpin' : 'Pin';
  const toggle = async (): Promise<void> => {
    const done = isPinned ? `${reference} is no longer pinned` : `${reference} is pinned`;
    const result = await action.run(isPinned ? '/unpin' : '/pin', { references: [reference] }, () => done);
    if (result !== undefined) onChange();
  };
  return (
    <button
      type="button"
      class={isSmall ? 'small' : ''}
      aria-label={`${verb} ${reference}`}
      disabled={action.isRunning}
      onClick={() => void toggle()}
    >
      {verb}
    </button>
  );
}
