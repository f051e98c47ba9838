import { formatCount, formatCounted } from '../format.ts';
import { Link } from '../link.tsx';

interface SharedWithProps {
  readonly references: readonly string[];
  /** All of them, of which `references` names the first. */
  readonly count: number;
}

/** Which other images need this content. */
export function SharedWith({ references, count }: SharedWithProps) {
  if (count === 0) return <span class="hint">no other image</span>;
  return (
    <details class="shared">
      <summary>{formatCounted(count, 'image')}</summary>
      <ul class="plain-list">
        {references.map((reference) => (
          <li key={reference}>
            <Link to={{ view: 'image', reference }} class="name" title={reference}>
              {reference}
            </Link>
          </li>
        ))}
        {count > references.length && <li class="hint">{`and ${formatCount(count - references.length)} more`}</li>}
      </ul>
    </details>
  );
}
