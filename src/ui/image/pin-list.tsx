import type { PinState } from '../../admin/api-types.ts';
import { useAction } from '../api/use-action.ts';
import { Card } from '../parts/card.tsx';

interface PinListProps {
  readonly pins: readonly PinState[];
  onChange(): void;
}

/** What holds the image against eviction. */
export function PinList({ pins, onChange }: PinListProps) {
  const action = useAction();
  const remove = async (pin: string): Promise<void> => {
    const result = await action.run('/unpin', { references: [pin] }, () => `The pin ${pin} is removed`);
    if (result !== undefined) onChange();
  };
  return (
    <Card title="Pins">
      <ul class="rows">
        {pins.map(({ pin, source }) => (
          <li key={`${source} ${pin}`} class="row-head">
            <code class="wrap">{pin}</code>
            {source === 'configuration' && <span class="hint">in the configuration; remove it there</span>}
            {source === 'operator' && (
              <button
                type="button"
                class="small"
                aria-label={`Remove the pin ${pin}`}
                disabled={action.isRunning}
                onClick={() => void remove(pin)}
              >
                Remove
              </button>
            )}
          </li>
        ))}
      </ul>
    </Card>
  );
}
