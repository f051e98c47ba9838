interface ProgressProps {
  /** What makes progress. */
  readonly label: string;
  readonly done: number;
  /** null: nobody knows how much there is. */
  readonly total: number | null;
}

/** How far something is. */
export function Progress({ label, done, total }: ProgressProps) {
  if (total === null) return <progress class="bar" aria-label={label} />;
  const isEmpty = total <= 0;
  return (
    <progress class="bar" aria-label={label} max={isEmpty ? 1 : total} value={isEmpty ? 0 : Math.min(done, total)} />
  );
}
