import { useEffect, useRef } from 'preact/hooks';

let isFirst = true;

/** The view's heading and the tab's title. A view that is gone to begins here, for keyboards and screen readers. */
export function Heading({ text, title = text }: { readonly text: string; readonly title?: string }) {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Stowage`;
    // Nobody has gone anywhere yet when the page opens.
    if (!isFirst) ref.current?.focus({ preventScroll: true });
    isFirst = false;
  }, [title]);
  return (
    <h1 ref={ref} tabIndex={-1} title={text}>
      {text}
    </h1>
  );
}
