import { formatPercent } from '../format.ts';

interface MeterProps {
  /** What is measured. */
  readonly label: string;
  readonly value: number;
  readonly limit: number;
  /** The value in words. */
  readonly text: string;
  readonly tone?: 'plain' | 'warn' | 'bad';
}

/** How much of a limit there is or is used. */
export function Meter({ label, value, limit, text, tone = 'plain' }: MeterProps) {
  const ratio = limit > 0 ? Math.min(1, Math.max(0, value / limit)) : 0;
  return (
    <div
      class={`meter meter-${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(ratio * 100)}
      aria-valuetext={text}
      title={formatPercent(ratio)}
    >
      <div class="meter-fill" style={{ inlineSize: `${ratio * 100}%` }} />
    </div>
  );
}
