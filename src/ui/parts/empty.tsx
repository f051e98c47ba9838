import type { ComponentChildren } from 'preact';

/** In place of a list that has nothing in it: what is not here, and what would bring it. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}
