import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** Escape, or a click beside it. */
  onClose(): void;
}

/** Shown as long as it is drawn. The browser keeps the focus inside, and gives it back at the end. */
export function Dialog({ title, children, onClose }: DialogProps) {
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);
  // In the layout, so that the dialog is closed while it is still there: only then is the focus given back.
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={id}
      closedby="any"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-body">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
