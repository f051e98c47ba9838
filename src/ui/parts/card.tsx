import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface CardProps {
  readonly title: string;
  /** Beside the title. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly isBusy?: boolean;
}

/** A region with a heading. */
export function Card({ title, aside, children, class: className = '', isBusy = false }: CardProps) {
  const id = useId();
  return (
    <section class={`card ${className}`} aria-labelledby={id} aria-busy={isBusy}>
      <header class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
