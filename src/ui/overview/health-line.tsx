import type { Status } from '../../admin/api-types.ts';
import { formatDuration, formatTime } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { CopyButton } from '../parts/copy-button.tsx';

/** Whether it is up, and what is not as it should be. */
export function HealthLine({ status }: { readonly status: Status }) {
  const { isReady, degraded, version, startedAt, uptimeSeconds, publicUrl } = status;
  return (
    <section class="health" aria-label="Health">
      <p class="health-line">
        {!isReady && <Badge tone="bad">Not ready</Badge>}
        {isReady && degraded.length === 0 && <Badge tone="good">Ready</Badge>}
        {isReady && degraded.length > 0 && <Badge tone="warn">Ready, with trouble</Badge>}
        <span>
          Version <strong>{version}</strong>
        </span>
        <span title={`Since ${formatTime(startedAt)}`}>
          Up for <strong>{formatDuration(uptimeSeconds)}</strong>
        </span>
        <span class="health-address">
          Clients pull from <code>{publicUrl}</code> <CopyButton text={publicUrl} what="the address" />
        </span>
      </p>
      {degraded.length > 0 && (
        <ul class="troubles">
          {degraded.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
