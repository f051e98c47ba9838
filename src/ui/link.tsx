import type { ComponentChildren } from 'preact';
import { navigate } from './navigation.ts';
import { formatRoute, type Route } from './router.ts';

interface LinkProps {
  readonly to: Route;
  readonly children: ComponentChildren;
  readonly class?: string;
  /** Whether it leads to what is shown. */
  readonly isCurrent?: boolean;
  readonly title?: string;
}

/** A link within the page; opened in another tab it is an address like any. */
export function Link({ to, children, class: className, isCurrent = false, title }: LinkProps) {
  return (
    <a
      href={formatRoute(to)}
      class={className}
      title={title}
      aria-current={isCurrent ? 'page' : undefined}
      onClick={(event) => {
        const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
        if (!isPlain || event.defaultPrevented) return;
        event.preventDefault();
        navigate(to);
      }}
    >
      {children}
    </a>
  );
}
