import { useApp } from '../app-context.ts';
import { useStore } from '../store.ts';

const words = { connecting: 'Connecting', live: 'Live', lost: 'Disconnected' } as const;
const titles = {
  connecting: 'Asking the mirror for its events',
  live: 'The mirror tells this page what it does as it happens',
  lost: 'What is shown may be old; the page keeps trying to reach the mirror',
} as const;

/** Whether what moves on this page is true now. Only the loss is read out. */
export function ConnectionMark() {
  const { live } = useApp();
  const connection = useStore(live.connection);
  return (
    <span class={`connection connection-${connection}`} title={titles[connection]}>
      {words[connection]}
      <span class="visually-hidden" role="status">
        {connection === 'lost' ? 'The connection to the mirror is lost; what is shown may be old.' : ''}
      </span>
    </span>
  );
}
