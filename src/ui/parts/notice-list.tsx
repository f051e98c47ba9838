import { useApp } from '../app-context.ts';
import { useStore } from '../store.ts';

/** Read out as they come. */
export function NoticeList() {
  const { notices } = useApp();
  const shown = useStore(notices.shown);
  return (
    <div class="notices" role="status">
      {shown.map(({ key, kind, text }) => (
        <div key={key} class={`notice notice-${kind}`}>
          <p>{text}</p>
          <button type="button" class="quiet" aria-label="Dismiss this notice" onClick={() => notices.dismiss(key)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
